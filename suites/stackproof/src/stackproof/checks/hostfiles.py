"""Judge what a file names on the host: folders to build from, mounts, secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ..check import Finding, failed, passed, undecided
from ..model import Mount

_REMOTE = ("http://", "https://", "git@", "git://", "ssh://", "github.com/", "oci://")
_FILES = frozenset(
    {
        *(".conf", ".cfg", ".ini", ".yml", ".yaml", ".json", ".toml", ".env", ".xml"),
        *(".properties", ".sh", ".py", ".js", ".sql", ".crt", ".pem", ".key", ".cert"),
        *(".cer", ".txt", ".sock", ".lua", ".html", ".php", ".template", ".tpl"),
    }
)


def judge_build(build: Any) -> Finding:
    """Judge whether context and Dockerfile are there."""
    row = build if isinstance(build, Mapping) else {"context": build}
    context = str(row.get("context") or ".")
    if context.startswith(_REMOTE) or "://" in context:
        return passed("the context is fetched when it is built")
    folder = Path(context)
    if not folder.is_absolute():
        return undecided(f"{context} is no path of this host")
    if not folder.is_dir():
        return failed(f"no folder {context}", "The build context is missing.")
    if row.get("dockerfile_inline"):
        return passed("context is there, the Dockerfile is inline")
    name = str(row.get("dockerfile") or "Dockerfile")
    if "://" in name:
        return passed("context is there")
    file = folder / name
    if not file.is_file():
        return failed(
            f"no file {file}", "Write the Dockerfile, or correct `build.dockerfile`."
        )
    return passed("context and Dockerfile are there")


def expects_file(mount: Mount) -> bool:
    """Tell whether the names of a bind mount say that it is a file."""
    ends = {PurePosixPath(p).suffix.lower() for p in (mount.source or "", mount.target)}
    return len(ends) == 1 and bool(ends & _FILES)


def makes_folder(mount: Mount) -> bool:
    """Tell whether a missing source is made by the engine."""
    options = mount.options.get("bind")
    return bool(isinstance(options, Mapping) and options.get("create_host_path"))


def judge_bind(mount: Mount) -> Finding:
    """Judge whether the source of a bind mount is what the mount is for."""
    source = Path(mount.source or "")
    if not source.is_absolute():
        return undecided(f"{source} is no path of this host")
    if not source.exists():
        if expects_file(mount):
            return failed(
                f"no file {source}",
                "The engine makes an empty folder in its place, and the program finds "
                "no file: create it first.",
            )
        if not makes_folder(mount):
            return failed(
                f"no {source}",
                "The engine refuses to start the container: create it first.",
            )
        return passed("is made by the engine when it is missing")
    if expects_file(mount) and source.is_dir() and not any(source.iterdir()):
        return failed(
            f"{source} is an empty folder",
            "A missing file became a folder at the first start: remove it, and create "
            "the file.",
        )
    return passed("is there")


def judge_made_folder(mount: Mount) -> Finding:
    """Judge whether the source was there before anybody started the stack."""
    source = Path(mount.source or "")
    if not source.is_absolute():
        return undecided(f"{source} is no path of this host")
    if not source.exists():
        return failed(
            f"no {source}",
            "The engine makes it as an empty folder that belongs to root: create it, "
            "with the right owner, or use a named volume.",
        )
    if mount.read_only and source.is_dir() and not any(source.iterdir()):
        return failed(
            f"{source} is empty and mounted read-only",
            "Nobody can put anything there: was it to be filled before the start?",
        )
    return passed("is there")


def judge_source(kind: str, name: str, defined: Mapping[str, Any]) -> Finding:
    """Judge whether a secret or config can be had."""
    if defined.get("external"):
        return failed(
            f"{name} is external",
            f"Compose knows no external {kind}: name a file or a variable.",
        )
    if not (file := defined.get("file")):
        return passed("its content is in the file or in a variable")
    path = Path(str(file))
    if not path.is_absolute():
        return undecided(f"{path} is no path of this host")
    if path.is_dir():
        return failed(
            f"{path} is a folder",
            "A missing file became a folder at the first start: remove it, and create "
            "the file.",
        )
    if not path.is_file():
        return failed(f"no file {path}", "Create it before the start.")
    if not os.access(path, os.R_OK):
        return undecided(f"{path} cannot be read by this user")
    return passed("the file is there")


def judge_env_file(path: Path, *, required: bool) -> Finding:
    """Judge whether a file of variables is there."""
    if not path.is_file():
        if required:
            return failed(f"no file {path}", "Create it, or set `required: false`.")
        return passed("is absent, and may be")
    if not os.access(path, os.R_OK):
        return failed(f"{path} cannot be read", "Give this user the right to read it.")
    return passed("is there")

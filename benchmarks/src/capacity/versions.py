"""The versions that a gate compares: images that are there, or built for it.

A version is a tag of the images, a commit, or the working tree. Commits are built with
the repository's own Dockerfiles, from the commit's files alone, with the commit's pins.
"""

from __future__ import annotations

import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from docker import DockerClient
from docker.errors import ImageNotFound

from .errors import VersionUnusable
from .names import ADMIN, ENRICHMENT, INGESTION

__all__ = ["WORKING_TREE", "Version", "find_version"]

WORKING_TREE: Final = "."
_SERVICES: Final = (INGESTION, ENRICHMENT, ADMIN)
_ENRICHMENT_TOO: Final = "influxdb-init"
_BASE_IMAGE: Final = "ha-ingestor/debian:trixie"
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_LABEL: Final = "io.ha-ingestor.gate=1"
_LAST_LINES: Final = 15
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Images of one version; `ids` are those of the services."""

    name: str
    tag: str
    ids: dict[str, str]

    @property
    def images(self) -> dict[str, str]:
        """The image of each Compose service that is the version's."""
        found = {service: _image(service, self.tag) for service in _SERVICES}
        return {**found, _ENRICHMENT_TOO: found[ENRICHMENT]}


def find_version(
    engine: DockerClient,
    name: str,
    *,
    repository: Path,
    said: Callable[[str], None],
) -> Version:
    """Return the images of a tag, of a commit or of the working tree (".").

    A tag goes before a commit of the same name. A commit is built once.

    Args:
        engine: where the images are.
        name: what is asked for.
        repository: the checkout that commits are of.
        said: takes a line of progress.

    Raises:
        VersionUnusable: there is no such version, or it cannot be built.
    """
    if name == WORKING_TREE:
        said("building the working tree")
        _build(repository, "gate-tree", name)
        return _needed(engine, name, "gate-tree")
    found, missing = _version(engine, name, name)
    if found is not None:
        return found
    if missing != _SERVICES:
        raise VersionUnusable(
            name,
            f"there is an image of this tag, but none of {', '.join(missing)}",
            fix="tag an image of each of the three services",
        )
    commit = _commit(repository, name)
    if not commit:
        tags = ", ".join(_tags(engine)) or "none"
        raise VersionUnusable(
            name,
            "neither a tag of our images nor a commit",
            fix=f"`make setup` makes the images of this checkout; tags here: {tags}",
        )
    tag = f"gate-{commit[:12]}"
    found, _ = _version(engine, name, tag)
    if found is not None:
        return found
    said(f"building commit {commit[:12]}")
    with _files_of(repository, commit) as folder:
        _build(folder, tag, name)
    return _needed(engine, name, tag)


def _image(service: str, tag: str) -> str:
    return f"ha-ingestor/{service}:{tag}"


def _version(
    engine: DockerClient, name: str, tag: str
) -> tuple[Version | None, tuple[str, ...]]:
    """Return the version if all its images are there, or else which are not."""
    ids: dict[str, str] = {}
    for service in _SERVICES if _TAG.fullmatch(tag) else ():
        try:
            ids[service] = str(engine.images.get(_image(service, tag)).id)
        except ImageNotFound:
            continue
    missing = tuple(service for service in _SERVICES if service not in ids)
    return (None if missing else Version(name=name, tag=tag, ids=ids)), missing


def _needed(engine: DockerClient, name: str, tag: str) -> Version:
    found, missing = _version(engine, name, tag)
    if found is None:
        raise VersionUnusable(
            name, f"not built: {', '.join(missing)}", fix="look at `docker image ls`"
        )
    return found


def _tags(engine: DockerClient) -> list[str]:
    """Return the tags that all three services have."""
    each = [
        {
            tag.rpartition(":")[2]
            for image in engine.images.list(f"ha-ingestor/{service}")
            for tag in image.tags
            if tag.startswith(f"ha-ingestor/{service}:")
        }
        for service in _SERVICES
    ]
    return sorted(set.intersection(*each))


def _commit(repository: Path, name: str) -> str:
    """Return the id of a commit, nothing if it is none."""
    command = ["git", "-C", str(repository), "rev-parse", "--verify", "--quiet"]
    done = subprocess.run(
        [*command, "--end-of-options", f"{name}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else ""


@contextmanager
def _files_of(repository: Path, commit: str) -> Iterator[Path]:
    """Have the files of a commit in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="capacity-gate-") as folder:
        archive = Path(folder) / "files.tar"
        command = ["git", "-C", str(repository), "archive", "--format=tar"]
        _run([*command, f"--output={archive}", commit], commit)
        files = Path(folder) / "files"
        with tarfile.open(archive) as packed:
            packed.extractall(files, filter="data")
        yield files


def _build(folder: Path, tag: str, name: str) -> None:
    """Build all images from a folder, as setup.sh does, under a tag of their own.

    The images that they start from are built too: they hold the pins of the commit.
    """
    python = f"ha-ingestor/python:{tag}"
    for target in ("runtime", "build"):
        _build_one(
            f"{python}-{target}",
            folder,
            folder / "stack/docker/python/Dockerfile",
            name,
            f"--target={target}",
            f"--build-arg=BASE_IMAGE={_BASE_IMAGE}",
        )
    for service in _SERVICES:
        _build_one(
            _image(service, tag),
            folder,
            folder / "stack" / "docker" / service / "Dockerfile",
            name,
            f"--build-arg=PYTHON_IMAGE={python}",
        )


def _build_one(
    image: str, folder: Path, dockerfile: Path, name: str, *options: str
) -> None:
    secret = []
    if _CERTIFICATES.exists():
        secret = [f"--secret=id=ca,src={_CERTIFICATES}"]
    command = ["docker", "buildx", "build", "--load", "--progress=plain"]
    command += ["--label", _LABEL, "--tag", image, "--file", str(dockerfile)]
    _run([*command, *secret, *options, str(folder)], name)


def _run(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as err:
        raise VersionUnusable(name, str(err), fix="install git and docker") from err
    if done.returncode:
        end = "\n".join(done.stdout.splitlines()[-_LAST_LINES:])
        raise VersionUnusable(
            name,
            f"`{' '.join(command[:3])}` ended with {done.returncode}:\n{end}",
            fix="`make setup` makes what is built on, and has the same steps",
        )

"""Judge whether what is mounted in a container is what the file says (pure)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..check import Finding, failed, passed
from ..model import Mount, StackModel
from ..verify.container import Inspected

_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([bkmgt]?)b?", re.IGNORECASE)
_FLAGS = frozenset({"ro", "noexec", "nosuid", "nodev"})
_AGAIN = (
    "Make the container again with `docker compose up --force-recreate`; if that does "
    "not help, correct the entry."
)


def size_bytes(text: object) -> int | None:
    """Return the bytes that a size such as "4m" stands for; None if it is none."""
    found = _SIZE.fullmatch(str(text).strip())
    return int(float(found[1]) * _UNITS[found[2].lower()]) if found else None


def judge_mount(
    mount: Mount,
    model: StackModel,
    row: Inspected,
    mounts: Sequence[Mapping[str, Any]] | None,
) -> Finding:
    """Judge one mount of one container.

    Args:
        mount: what is declared, in the configuration that runs.
        model: the same, whole.
        row: the container.
        mounts: what the kernel says PID 1 sees; None where nobody could look.
    """
    target = posixpath.normpath(mount.target or "/")
    problem = _inspect_problem(mount, target, model, row)
    told = "as inspect says"
    if problem is None and mounts is not None:
        seen = effective(mounts, target)
        told = "as the kernel says"
        problem = (
            f"nothing is mounted at {target}"
            if seen is None
            else _kernel_problem(mount, model, seen)
        )
    if problem:
        return failed(
            problem, f"The mount at {target} is not what the file says. {_AGAIN}"
        )
    access = "read-only" if mount.read_only else "writable"
    return passed(f"{mount.kind} at {target}, {access}, {told}")


def effective(
    mounts: Sequence[Mapping[str, Any]], target: str
) -> Mapping[str, Any] | None:
    """Return the mount that is seen at a path; the last one hides those before.

    Where the image has a link on the way (/var/run), the kernel knows another path.
    """
    same = [one for one in mounts if one["target"] == target]
    end = f"/{posixpath.basename(target)}"
    similar = [one for one in mounts if str(one["target"]).endswith(end)]
    return next(reversed(same or similar), None)


def _inspect_problem(
    mount: Mount, target: str, model: StackModel, row: Inspected
) -> str | None:
    rows = [
        one
        for one in row.attrs.get("Mounts") or ()
        if posixpath.normpath(str(one.get("Destination"))) == target
    ]
    if not rows:
        plain = row.host_config.get("Tmpfs") or {}
        known = {posixpath.normpath(path) for path in plain}
        if mount.kind == "tmpfs" and target in known:
            return None
        return f"nothing is mounted at {target}"
    got = rows[-1]
    if got.get("Type") != mount.kind and mount.kind in {"volume", "bind", "tmpfs"}:
        return f"{target} is a {got.get('Type')} instead of a {mount.kind}"
    if mount.kind == "volume" and mount.source:
        volume = model.volumes.get(mount.source)
        name = volume.engine_name if volume else mount.source
        if got.get("Name") != name:
            return f"{target} holds the volume {got.get('Name')} instead of {name}"
    if mount.kind == "bind" and mount.source:
        source = posixpath.normpath(mount.source)
        have = posixpath.normpath(str(got.get("Source")))
        # An engine in a virtual machine sees the host's folders below one of its own.
        if have != source and not have.endswith(source):
            return f"{target} shows {have} instead of {source}"
        wanted = (mount.options.get("bind") or {}).get("propagation")
        if wanted and got.get("Propagation") != wanted:
            return f"propagation is {got.get('Propagation')} instead of {wanted}"
    if mount.kind in {"volume", "bind"} and bool(got.get("RW")) == mount.read_only:
        return f"{target} is {'writable' if got.get('RW') else 'read-only'}"
    return _option_problem(mount, target, row)


def _option_problem(mount: Mount, target: str, row: Inspected) -> str | None:
    wanted = mount.options.get("volume") or {}
    asked = [
        one.get("VolumeOptions") or {}
        for one in row.host_config.get("Mounts") or ()
        if posixpath.normpath(str(one.get("Target"))) == target
    ]
    binds = [
        str(bind).split(":")
        for bind in row.host_config.get("Binds") or ()
        if len(str(bind).split(":")) > 1
        and posixpath.normpath(str(bind).split(":")[1]) == target
    ]
    if wanted.get("nocopy"):
        by_mount = any(one.get("NoCopy") for one in asked)
        if not by_mount and not any("nocopy" in bind[-1] for bind in binds):
            return f"{target} is filled from the image in spite of nocopy"
    subpath = wanted.get("subpath")
    if subpath and all(one.get("Subpath") != subpath for one in asked):
        return f"{target} does not show the sub-path {subpath}"
    return None


def _kernel_problem(
    mount: Mount, model: StackModel, seen: Mapping[str, Any]
) -> str | None:
    options, target = set(seen["options"]), seen["target"]
    if mount.kind == "tmpfs":
        return _tmpfs_problem(mount, seen)
    volume = model.volumes.get(mount.source or "")
    on_disk = volume is not None and not volume.driver_opts and not volume.external
    if mount.kind == "volume" and on_disk and seen["type"] in {"tmpfs", "overlay"}:
        return f"{target} shows a {seen['type']} instead of the volume"
    if mount.kind in {"volume", "bind"}:
        read_only = "ro" in options
        if mount.read_only and not read_only:
            return f"{target} is writable"
        if read_only and not mount.read_only and "ro" not in seen["super_options"]:
            return f"{target} is read-only"
    return None


def _tmpfs_problem(mount: Mount, seen: Mapping[str, Any]) -> str | None:
    target = seen["target"]
    if seen["type"] not in {"tmpfs", "ramfs"}:
        return f"{target} is {seen['type']}, not in memory"
    words = str(mount.options.get("mount") or "").split(",")
    wanted = dict(word.partition("=")[::2] for word in words if word)
    long_form = mount.options.get("tmpfs") or {}
    got = dict(str(word).partition("=")[::2] for word in seen["super_options"])
    size = size_bytes(long_form.get("size") or wanted.get("size") or "")
    have = size_bytes(got.get("size", ""))
    # The kernel counts in pages.
    if size and have is not None and not size <= have < size + 2**16:
        return f"{target} holds {have} bytes instead of {size}"
    mode = long_form.get("mode")
    if mode is None and wanted.get("mode"):
        mode = int(wanted["mode"], 8) if wanted["mode"].isdigit() else None
    if mode is not None and int(got.get("mode", "1777"), 8) != int(mode):
        return f"{target} has mode {got.get('mode', '1777')} instead of {int(mode):o}"
    for key in ("uid", "gid"):
        if wanted.get(key, "").isdigit() and got.get(key, "0") != wanted[key]:
            return f"{target} has {key} {got.get(key, '0')} instead of {wanted[key]}"
    flags = set(wanted) & _FLAGS
    missing = flags - set(seen["options"]) - set(seen["super_options"])
    return f"{target} is not {min(missing)}" if missing else None


def judge_volume(
    name: str, declared: Mapping[str, Any], attrs: Mapping[str, Any] | None
) -> Finding:
    """Judge whether the engine's volume is what the file declares."""
    if attrs is None:
        return failed(
            "no such volume",
            f"The engine has no volume {declared.get('name', name)}: run `docker "
            "compose up`, or make it where it is external.",
        )
    if declared.get("external"):
        return passed(f"{attrs.get('Name')} exists")
    driver = declared.get("driver")
    problem = None
    if driver and driver != attrs.get("Driver"):
        problem = f"driver is {attrs.get('Driver')} instead of {driver}"
    for key, engine in (("driver_opts", "Options"), ("labels", "Labels")):
        got = attrs.get(engine) or {}
        for option, value in (declared.get(key) or {}).items():
            if str(got.get(option, "")) != str("" if value is None else value):
                problem = f"{key}: {option} is {got.get(option, 'not set')}"
    if problem:
        return failed(
            problem,
            f"The volume {name} was made before the file said so. Save what it holds, "
            "remove it, run `docker compose up` and put it back.",
        )
    return passed(f"{attrs.get('Driver')} volume {attrs.get('Name')}")

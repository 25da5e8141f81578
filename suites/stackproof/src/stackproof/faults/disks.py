"""File systems of a known small size, and filling them to the last byte.

A volume that lies on one can be full without harm to the host. Needs root.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ProbeError

_FILLER = ".stackproof-filler"
_BLOCK = 2**20
_COMMAND_SECONDS = 60.0


@contextmanager
def small_disk(size: int, *, owner: int = 0) -> Iterator[Path]:
    """Yield a block device with an empty ext4 file system of `size` bytes.

    Nothing of it is left behind, even by a run that is killed: its file has no name any
    more, and the device frees itself when the last one who uses it is gone.

    Args:
        size: in bytes; the host gives only what is written.
        owner: user and group id of the root folder.

    Raises:
        ProbeError: this user may not, or the host has no loop devices left.
    """
    with tempfile.TemporaryDirectory(prefix="stackproof-disk-") as folder:
        file = Path(folder) / "disk"
        with file.open("wb") as image:
            image.truncate(size)
        options = f"root_owner={owner}:{owner},lazy_itable_init=1"
        _run("mkfs.ext4", "-q", "-m", "0", "-E", options, str(file))
        device = Path(_run("losetup", "--find", "--show", str(file)).strip())
        held = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        # Detaching what is in use makes it free itself later.
        _run("losetup", "--detach", str(device))
    try:
        yield device
    finally:
        os.close(held)


@contextmanager
def filled(folder: Path) -> Iterator[int]:
    """Fill the file system of a folder; yield the bytes that it took.

    Raises:
        OSError: nothing can be written there, even though it is not full.
    """
    filler = folder / _FILLER
    try:
        yield _fill(filler)
    finally:
        filler.unlink(missing_ok=True)


def _fill(filler: Path) -> int:
    """Write zeros until nothing more fits, in ever smaller pieces."""
    taken = 0
    with filler.open("wb", buffering=0) as file:
        block = _BLOCK
        while block:
            try:
                taken += file.write(bytes(block))
            except OSError as err:
                if not taken and block == _BLOCK and free_bytes(filler.parent) > _BLOCK:
                    raise ProbeError("disk", f"cannot fill {filler}: {err}") from err
                block //= 16
        os.fsync(file.fileno())
    return taken


def free_bytes(folder: Path) -> int:
    """Return what a user may still write to the file system of a folder."""
    seen = os.statvfs(folder)
    return seen.f_bavail * seen.f_frsize


def _run(*argv: str) -> str:
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=_COMMAND_SECONDS,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as err:
        raise ProbeError("disk", str(err)) from err
    if done.returncode:
        raise ProbeError("disk", f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout

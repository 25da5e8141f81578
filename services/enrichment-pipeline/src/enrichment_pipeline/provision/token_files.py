"""A token in a file that is either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_token"]

# Read by the user that all services run as; nobody writes it, it is replaced.
_MODE = 0o440


def write_token(path: Path, token: str) -> bool:
    """Put a token in place; return False when the file holds it already.

    Written aside, synced and renamed: a kill at any moment leaves the old or the new
    file. The name aside is fixed, so a killed run leaves nothing that piles up.

    Raises:
        OSError: the folder cannot be written.
    """
    content = f"{token}\n"
    if _holds(path, content):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fchmod(fd, _MODE)
        os.fsync(fd)
    aside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True


def _holds(path: Path, content: str) -> bool:
    try:
        same = path.read_text(encoding="utf-8") == content
        return same and path.stat().st_mode & 0o777 == _MODE
    except (OSError, UnicodeDecodeError):
        return False

"""Room on the disk that is kept for the day when there is none.

A full disk stops more than new frames: to delete rows, SQLite has to write too.
A file of some megabytes beside the spool is given up in that case, so that the
backlog can be forwarded and deleted; it is taken again as soon as there is room.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from .limits import MEBIBYTE

__all__ = ["Reserve"]

_SIZES: Final = tuple(size * MEBIBYTE for size in (16, 8))
"""What is tried to take, the best first. The smaller one will do after a full disk,
when some room is gone into the spool's own file."""
_LOG_BYTES: Final = 8 * MEBIBYTE
"""What must be free beside it: the write-ahead log (4 MiB) and some commits."""


_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Reserve:
    """A file that holds room on the disk of the spool."""

    def __init__(self, spool: Path) -> None:
        self._path = spool.with_name(f"{spool.name}-reserve")
        self._held = False

    def hold(self) -> bool:
        """Take the room if it is not held already; tell whether it is.

        Raises:
            OSError: the file cannot be made for another reason than the room.
        """
        if not self._held:
            self._held = any(self._take(size) for size in _SIZES)
        return self._held

    def release(self) -> None:
        """Give the room up.

        Raises:
            OSError: the file cannot be removed.
        """
        self._held = False
        self._path.unlink(missing_ok=True)

    def _take(self, size: int) -> bool:
        self.release()
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < size + _LOG_BYTES:
            return False
        try:
            with self._path.open("xb") as file:
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as err:
            if err.errno not in _NO_ROOM:
                raise
            self.release()
            return False
        return True

"""How much has arrived on a connection that nobody has read yet."""

from __future__ import annotations

import fcntl
import struct
import termios
from typing import Final, Protocol

__all__ = ["unread_bytes"]

_INT: Final = struct.Struct("i")


class HasFileNumber(Protocol):
    """A socket, or what stands for one."""

    def fileno(self) -> int:
        """Return the number, -1 if it is closed."""


def unread_bytes(socket: HasFileNumber | None) -> int:
    """Return the bytes in the kernel's buffer of a socket (FIONREAD of tcp(7)).

    0 without a socket, and for one that is closed.
    """
    number = -1 if socket is None else socket.fileno()
    if number < 0:
        return 0
    (waiting,) = _INT.unpack(fcntl.ioctl(number, termios.FIONREAD, bytes(_INT.size)))
    return int(waiting)

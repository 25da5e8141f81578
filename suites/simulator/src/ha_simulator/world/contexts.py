"""Context ids: 26-character ULIDs, unique within one run of the simulator."""

from __future__ import annotations

from typing import Final

_ALPHABET: Final = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MILLISECOND: Final = 1_000


def _base32(number: int, length: int) -> bytes:
    text = bytearray(length)
    for place in range(length - 1, -1, -1):
        text[place] = _ALPHABET[number & 31]
        number >>= 5
    return bytes(text)


class Contexts:
    """Makes context objects as Home Assistant writes them.

    An id is a ULID: 10 characters of time, then 16 that make it unique. Here the
    16 are 6 of *seed* and a counter, which costs no random number for each event.
    """

    __slots__ = ("_count", "_head", "_millisecond", "_salt")

    def __init__(self, *, seed: int) -> None:
        self._salt = _base32(seed, 6)
        self._count = 0
        self._millisecond = -1
        self._head = b""

    def next(self, us: int) -> bytes:
        """Return the JSON of a fresh context without a user, made at *us*."""
        if us // _MILLISECOND != self._millisecond:
            self._begin(us // _MILLISECOND)
        self._count += 1
        return b'%b%010d","parent_id":null,"user_id":null}' % (self._head, self._count)

    def of_user(self, us: int, user_id: str) -> bytes:
        """Return the JSON of a fresh context that belongs to *user_id*."""
        quoted = b'"%b"}' % user_id.encode()
        return self.next(us).removesuffix(b"null}") + quoted

    def _begin(self, millisecond: int) -> None:
        self._millisecond = millisecond
        time = _base32(millisecond & ((1 << 48) - 1), 10)
        self._head = b'{"id":"%b%b' % (time, self._salt)

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

    __slots__ = ("_count", "_millisecond", "_salt", "_time")

    def __init__(self, *, seed: int) -> None:
        self._salt = _base32(seed, 6)
        self._count = 0
        self._millisecond = -1
        self._time = b""

    def next(self, us: int) -> bytes:
        """Return the JSON of a fresh context without a user, made at *us*."""
        return b'{"id":"%b","parent_id":null,"user_id":null}' % self._ulid(us)

    def of_user(self, us: int, user_id: str) -> bytes:
        """Return the JSON of a fresh context that belongs to *user_id*."""
        return b'{"id":"%b","parent_id":null,"user_id":"%b"}' % (
            self._ulid(us),
            user_id.encode(),
        )

    def _ulid(self, us: int) -> bytes:
        millisecond = us // _MILLISECOND
        if millisecond != self._millisecond:
            self._millisecond = millisecond
            self._time = _base32(millisecond & ((1 << 48) - 1), 10)
        self._count += 1
        return b"%b%b%010d" % (self._time, self._salt, self._count)

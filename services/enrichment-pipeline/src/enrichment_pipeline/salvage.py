"""What can be had of a JSON array that is no JSON: its elements up to the fault. Pure.

One event with a NaN, a lone surrogate or a torn end spoils the whole frame for a strict
parser. Its neighbours are whole, and are found here by brackets and quotes alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

__all__ = ["Salvage", "salvage"]

_WHITESPACE = b" \t\n\r"
# A string from quote to quote, or one of the marks that divide an array.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},]|"', re.DOTALL)


class Salvage(Struct, frozen=True):
    """The elements that can be told apart, and the bytes behind them."""

    pieces: list[bytes]
    rest: bytes


def salvage(payload: bytes) -> Salvage:
    """Return the elements of an array, none if the payload does not begin as one."""
    if payload.lstrip(_WHITESPACE)[:1] != b"[":
        return Salvage([], payload)
    pieces: list[bytes] = []
    begin = payload.index(b"[") + 1
    end = begin
    for end, mark in _dividers(payload):
        pieces.append(payload[begin:end].strip(_WHITESPACE))
        begin = end + 1
        if mark == b"]":
            break
    rest = payload[begin:].strip(_WHITESPACE)
    return Salvage([piece for piece in pieces if piece], rest)


def _dividers(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield where each element of the array ends, and the mark that ends it."""
    depth = 0
    for token in _TOKEN.finditer(payload):
        mark = token[0]
        if mark == b'"':
            return
        if depth == 1 and mark in (b",", b"]"):
            yield token.start(), mark
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
        if depth <= 0:
            return

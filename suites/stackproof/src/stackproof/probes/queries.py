"""Questions to name servers, and what they answer (pure)."""

from __future__ import annotations

import socket
import struct

TYPES = {1: socket.AF_INET, 28: socket.AF_INET6}


def encode_query(number: int, name: str, kind: int) -> bytes:
    """Return a DNS question for one name (pure).

    Raises:
        ValueError: the name cannot be asked for.
    """
    labels = [label.encode("idna") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError(f"no name: {name!r}")
    asked = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return (
        struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
        + asked
        + struct.pack("!2H", kind, 1)
    )


def decode_answer(number: int, message: bytes) -> tuple[int, list[str]]:
    """Return the response code and the addresses of a DNS answer (pure).

    Raises:
        ValueError: it is the answer to something else.
    """
    given, flags, questions, answers = struct.unpack_from("!4H", message)
    if given != number:
        raise ValueError("the answer to another question")
    at = 12
    for _ in range(questions):
        at = _after_name(message, at) + 4
    found = []
    for _ in range(answers):
        at = _after_name(message, at)
        kind, _, _, length = struct.unpack_from("!2HIH", message, at)
        at += 10
        if kind in TYPES:
            found.append(socket.inet_ntop(TYPES[kind], message[at : at + length]))
        at += length
    return flags & 0xF, found


def _after_name(message: bytes, at: int) -> int:
    while True:
        length = message[at]
        if length >= 0xC0:
            return at + 2
        at += 1 + length
        if not length:
            return at

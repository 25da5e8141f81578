"""Read and forget all events of a source: what the generator alone can do.

`python -m capacity.null_reader HOST PORT [--count]`, with the token in CAPACITY_TOKEN.
It says "reading" on stdout once it is subscribed, and ends when the source does. With
`--count` it says from then on how many events have come, with the monotonic time,
about four times a second as long as any come.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
import time
from collections.abc import Sequence
from typing import Final

__all__ = ["Tally", "main"]

_BUFFER: Final = 1 << 20
_EVERY: Final = 0.25
_MARK: Final = b'"event_type":"state_changed"'


class Tally:
    """Counts events in a stream of bytes, wherever it is cut."""

    def __init__(self) -> None:
        self.count = 0
        self._rest = b""

    def feed(self, part: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        whole = self._rest + bytes(part)
        self.count += whole.count(_MARK)
        # Shorter than a mark, so that none is counted twice.
        self._rest = whole[-(len(_MARK) - 1) :]


def main(argv: Sequence[str] | None = None) -> int:
    """Subscribe, then read until the end."""
    host, port, *options = sys.argv[1:] if argv is None else argv
    token = os.environ["CAPACITY_TOKEN"]  # noqa: TID251 - not in the process list
    with socket.create_connection((host, int(port))) as client:
        _subscribe(client, f"{host}:{port}", token)
        sys.stdout.write("reading\n")
        sys.stdout.flush()
        buffer = bytearray(_BUFFER)
        try:
            if "--count" in options:
                _count(client, buffer)
            while client.recv_into(buffer):
                pass
        except OSError:
            return 0
    return 0


def _count(client: socket.socket, buffer: bytearray) -> None:
    """Read until the source ends, and say how many events have come."""
    tally, told = Tally(), 0.0
    seen = memoryview(buffer)
    while size := client.recv_into(buffer):
        tally.feed(seen[:size])
        now = time.monotonic()
        if now >= told + _EVERY:
            told = now
            sys.stdout.write(f"{now:.6f} {tally.count}\n")
            sys.stdout.flush()


def frame(text: str) -> bytes:
    """Return a client's text frame, with a mask of zeros (pure)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes([0x81, 0x80 | size]) + bytes(4) + payload
    return b"\x81\xfe" + size.to_bytes(2, "big") + bytes(4) + payload


def _subscribe(client: socket.socket, host: str, token: str) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /api/websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    seen = _read_until(client, b"", b"auth_required")
    client.sendall(frame(json.dumps({"type": "auth", "access_token": token})))
    seen = _read_until(client, seen, b"auth_ok")
    commands = [
        {"id": 1, "type": "supported_features", "features": {"coalesce_messages": 1}},
        {"id": 2, "type": "subscribe_events", "event_type": "state_changed"},
    ]
    client.sendall(frame(json.dumps(commands)))
    _read_until(client, seen, b'"id":2')


def _read_until(client: socket.socket, seen: bytes, wanted: bytes) -> bytes:
    while wanted not in seen:
        part = client.recv(1 << 16)
        if not part:
            raise ConnectionError(f"closed before {wanted!r} came")
        seen += part
    return seen


if __name__ == "__main__":
    sys.exit(main())

"""Read and forget all events of a source: what the generator alone can do.

`python -m capacity.null_reader HOST PORT`, with the token in CAPACITY_TOKEN. It says
"reading" on stdout once it is subscribed, and ends when the source does.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import sys
from collections.abc import Sequence
from typing import Final

__all__ = ["main"]

_BUFFER: Final = 1 << 20


def main(argv: Sequence[str] | None = None) -> int:
    """Subscribe, then read until the end."""
    host, port = sys.argv[1:3] if argv is None else argv
    token = os.environ["CAPACITY_TOKEN"]  # noqa: TID251 - not in the process list
    with socket.create_connection((host, int(port))) as client:
        _subscribe(client, f"{host}:{port}", token)
        sys.stdout.write("reading\n")
        sys.stdout.flush()
        buffer = bytearray(_BUFFER)
        try:
            while client.recv_into(buffer):
                pass
        except OSError:
            return 0
    return 0


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

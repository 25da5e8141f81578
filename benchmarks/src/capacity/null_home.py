"""Take states as Home Assistant does, and forget them: what a sender alone can do.

`python -m capacity.null_home` listens on a free port of 127.0.0.1 and says which one
on stdout. It ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Final

__all__ = ["ANSWER", "main", "serve_one"]

ANSWER: Final = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)
_LENGTH: Final = re.compile(
    rb"^content-length: *(\d+)\r?$", re.IGNORECASE | re.MULTILINE
)


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of one connection, until it is closed."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if length is not None:
                await reader.readexactly(int(length[1]))
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


async def listen() -> None:
    """Listen until the process ends."""
    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


def main() -> int:
    """Run it."""
    asyncio.run(listen())
    return 0


if __name__ == "__main__":
    sys.exit(main())

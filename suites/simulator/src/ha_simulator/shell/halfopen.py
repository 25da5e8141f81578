"""Connections that stay open while nobody is there any more."""

from __future__ import annotations

import asyncio
import os


class HalfOpen:
    """Keeps sockets of dropped connections open, unread and unwritten.

    A duplicate of the descriptor keeps the connection alive in the kernel when the
    transport closes its own: the peer sees no FIN and no RST, its packets are
    acknowledged until the receive buffer is full, and nothing ever answers. That
    is what a frozen host or a NAT that forgot looks like.
    """

    def __init__(self) -> None:
        self._descriptors: list[int] = []

    def __len__(self) -> int:
        return len(self._descriptors)

    def keep(self, transport: asyncio.Transport) -> None:
        """Hold the transport's connection open beyond the transport's life."""
        sock = transport.get_extra_info("socket")
        if sock is not None:
            self._descriptors.append(os.dup(sock.fileno()))

    def release(self) -> int:
        """Close all of them, which the peers see; return how many there were."""
        count = len(self._descriptors)
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()
        return count

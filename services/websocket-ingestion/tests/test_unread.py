"""Tests of `websocket_ingestion.unread`."""

from __future__ import annotations

import socket

from websocket_ingestion.unread import unread_bytes


def test_bytes_count_until_they_are_read() -> None:
    """What the other side has sent is unread until it is taken."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        before = unread_bytes(ours)
        theirs.sendall(b"x" * 1000)
        arrived = unread_bytes(ours)
        ours.recv(400)

        assert (before, arrived, unread_bytes(ours)) == (0, 1000, 600)


def test_nothing_is_unread_without_an_open_socket() -> None:
    """Neither without a connection nor after its end."""
    ours, theirs = socket.socketpair()
    theirs.close()
    ours.close()

    assert (unread_bytes(None), unread_bytes(ours)) == (0, 0)

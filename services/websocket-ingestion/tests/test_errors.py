"""Errors make their sentence from the data that they hold."""

from __future__ import annotations

import pytest

from websocket_ingestion.errors import (
    AuthRejected,
    CommandRefused,
    ConnectionLost,
    ForwardError,
    FrameUnreadable,
    IngestionError,
    ProtocolViolation,
    SpoolError,
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AuthRejected(""), "Home Assistant rejected the access token: no reason"),
        (
            ProtocolViolation("greeting", "a binary frame"),
            "unexpected answer while greeting: a binary frame",
        ),
        (
            CommandRefused("subscribe_events", "unauthorized", "no"),
            "subscribe_events was refused: unauthorized: no",
        ),
        (FrameUnreadable("truncated"), "unreadable frame: truncated"),
        (ConnectionLost("ws://ha:8123", "refused"), "ws://ha:8123: refused"),
        (
            SpoolError("/x/s.db", "SQLITE_FULL", "disk is full"),
            "spool /x/s.db: disk is full (SQLITE_FULL)",
        ),
        (ForwardError("too_large", "413"), "too_large: 413"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_sentence(error: IngestionError, sentence: str) -> None:
    """Each error reads as one clear sentence."""
    assert str(error) == sentence


def test_a_full_disk_is_told_apart() -> None:
    """Only a full disk lets the backlog drain without new frames."""
    assert SpoolError("p", "SQLITE_FULL", "full").disk_full
    assert not SpoolError("p", "SQLITE_IOERR", "broken").disk_full

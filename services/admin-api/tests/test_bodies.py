"""Request bodies are checked before a neighbour hears of them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.bodies import ReplayWish, RetryWish, read_replay, read_retry
from admin_api.errors import BadParameter


def test_wishes_are_read() -> None:
    """Without ids all are meant; a time keeps its text."""
    assert read_retry(b"{}") == RetryWish(ids=None)
    assert read_retry(b'{"ids":["0123456789abcdef01234567"]}').ids == [
        "0123456789abcdef01234567"
    ]
    since = "2026-11-23T14:40:00+01:00"
    assert read_replay(b'{"since":"%s"}' % since.encode()) == ReplayWish(since)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xff",
        b"[" * 50_000,
        b'{"id":[]}',
        b'{"ids":"x"}',
        b'{"ids":["0123456789ABCDEF01234567"]}',
        b'{"ids":["0123456789abcdef01234567\\n"]}',
        b'{"ids":[' + b",".join([b'"0123456789abcdef01234567"'] * 1_001) + b"]}",
    ],
)
def test_other_bodies_are_refused(body: bytes) -> None:
    """An unknown key is none of ours: nothing is retried by mistake."""
    with pytest.raises(BadParameter):
        read_retry(body)


@given(body=st.binary() | st.text().map(lambda text: f'{{"since":"{text}"}}'.encode()))
def test_no_bytes_are_a_crash(body: bytes) -> None:
    """A body is a wish, or it is refused."""
    for read in (read_retry, read_replay):
        with suppress(BadParameter):
            read(body)

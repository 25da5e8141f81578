"""Compressed payloads: told apart by their head, and the same bytes afterwards."""

from __future__ import annotations

import json
import random
import sys
import tracemalloc

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from servicekit.compression import (
    MIN_BYTES,
    MOST_BYTES,
    Compressor,
    plain,
    plain_bytes,
)
from servicekit.errors import PayloadDamaged

STATES = json.dumps([{"entity_id": f"sensor.s{n}", "state": n} for n in range(200)])
PAYLOAD = STATES.encode()


@given(st.binary(max_size=64), st.integers(0, 300))
def test_what_comes_back_is_what_was_given(piece: bytes, times: int) -> None:
    """Whatever it is, compressed or left alone; its size is known beforehand."""
    payload = b"[" + piece * times
    packed = Compressor()(payload)

    assert plain(packed) == payload
    assert plain_bytes(packed) == len(payload)
    assert len(packed) <= len(payload)


def test_a_list_of_states_becomes_much_smaller() -> None:
    """And twice compressed is once compressed."""
    compress = Compressor()
    packed = compress(PAYLOAD)

    assert len(packed) < len(PAYLOAD) / 4
    assert compress(packed) == packed


def test_what_is_kept_takes_no_more_than_its_size() -> None:
    """Many are kept in memory; there is no room for the worst case behind them."""
    compress = Compressor()
    tracemalloc.start()
    try:
        kept = [compress(PAYLOAD + b" " * number) for number in range(100)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken < 2 * sum(map(sys.getsizeof, kept))


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b" " * (MIN_BYTES - 1), id="small"),
        pytest.param(b" " * (MOST_BYTES + 1), id="large"),
        pytest.param(random.Random(1).randbytes(MIN_BYTES), id="no gain"),
    ],
)
def test_what_stays_as_it_is(payload: bytes) -> None:
    """Where compressing it costs more than it saves, or nobody would take it."""
    assert Compressor()(payload) is payload
    assert plain(payload) is payload


@pytest.mark.parametrize("size", [MIN_BYTES, MOST_BYTES])
def test_bounds_are_inclusive(size: int) -> None:
    """The smallest and the largest that are compressed come back."""
    payload = b" " * size
    packed = Compressor()(payload)

    assert len(packed) < size
    assert plain(packed) == payload


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (zstandard.FRAME_HEADER, "size"),
        (Compressor()(PAYLOAD)[:-1], "full frame"),
        (zstandard.ZstdCompressor().compress(b" " * (MOST_BYTES + 1)), "8388609 bytes"),
        (
            zstandard.ZstdCompressor(write_content_size=False).compress(PAYLOAD),
            "-1 bytes",
        ),
    ],
    ids=["head", "cut", "huge", "of unknown size"],
)
def test_a_damaged_payload_is_refused(payload: bytes, reason: str) -> None:
    """Nothing is allocated for a size that none of ours has."""
    with pytest.raises(PayloadDamaged, match=reason) as caught:
        plain(payload)

    assert str(caught.value).startswith("a compressed payload is damaged: ")


def test_a_payload_of_unknown_size_counts_as_it_is() -> None:
    """It is handed on like that."""
    huge = zstandard.ZstdCompressor().compress(b" " * (MOST_BYTES + 1))

    assert plain_bytes(huge) == len(huge)
    assert plain_bytes(zstandard.FRAME_HEADER) == 4

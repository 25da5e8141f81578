"""The wire format: what is sent is what arrives, everything else is a WireError."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from servicekit.errors import WireError
from servicekit.wire import (
    SCHEMA,
    Batch,
    Frame,
    Origin,
    Outcome,
    Source,
    decode_batch,
    decode_outcome,
    encode_batch,
    encode_outcome,
)

COUNTS = st.integers(min_value=0, max_value=2**53)
FRAMES = st.builds(
    Frame,
    row=st.integers(min_value=0, max_value=2**62),
    origin=st.sampled_from(Origin),
    received_us=st.integers(min_value=0, max_value=2**60),
    events=st.integers(min_value=0, max_value=2**31 - 1),
    payload=st.binary(max_size=200),
)
DEGREES = st.none() | st.floats(-180, 180)


@given(
    st.lists(FRAMES, max_size=4),
    st.builds(Source, DEGREES, DEGREES, st.none() | st.text(max_size=12)),
)
def test_a_batch_arrives_as_it_was_sent(frames: list[Frame], source: Source) -> None:
    """Encoding and decoding gives the same batch."""
    batch = Batch(SCHEMA, source, frames)

    assert decode_batch(encode_batch(batch)) == batch
    assert batch.events == sum(frame.events for frame in frames)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_batch_or_a_wire_error(body: bytes) -> None:
    """No body makes the decoder fail in another way."""
    with suppress(WireError):
        assert decode_batch(body).schema in range(1, SCHEMA + 1)


def test_the_layout_before_is_taken() -> None:
    """A sender that is updated later than this side goes on."""
    batch = Batch(SCHEMA - 1, Source(), [Frame(1, Origin.LIVE, 1, 1, b"{}")])

    assert decode_batch(encode_batch(batch)) == batch


@pytest.mark.parametrize(
    "body",
    [
        *(
            pytest.param(
                msgspec.msgpack.encode([schema, [None, None, None], []]),
                id=f"schema {schema}",
            )
            for schema in (0, SCHEMA + 1)
        ),
        pytest.param(msgspec.msgpack.encode({"schema": 1}), id="object"),
        pytest.param(msgspec.msgpack.encode([1, []]), id="short"),
        pytest.param(
            msgspec.msgpack.encode([1, [], [[1, "live", 1, -1, b""]]]), id="negative"
        ),
        pytest.param(
            msgspec.msgpack.encode([1, [], [[1, "else", 1, 1, b""]]]), id="origin"
        ),
        pytest.param(b"\x91" * 100_000, id="nested-too-deep"),
    ],
)
def test_another_layout_is_refused(body: bytes) -> None:
    """Only the layout is taken that this side knows."""
    with pytest.raises(WireError, match="batch is not readable"):
        decode_batch(body)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_an_outcome_arrives_as_it_was_sent(a: int, b: int, c: int, d: int) -> None:
    """The four counts keep their names and their sum."""
    outcome = Outcome(written=a, merged=b, dead_lettered=c, expired=d)

    assert decode_outcome(encode_outcome(outcome)) == outcome
    assert outcome.total == a + b + c + d


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"written":1}',
        b'{"written":-1,"merged":0,"dead_lettered":0,"expired":0}',
        b'{"written":1,"merged":0,"dead_lettered":0,"expired":0,"lost":1}',
        b'{"written":1.5,"merged":0,"dead_lettered":0,"expired":0}',
        b"\xff",
    ],
)
def test_another_answer_is_no_outcome(body: bytes) -> None:
    """An answer without exactly the four counts is refused."""
    with pytest.raises(WireError, match="outcome is not readable"):
        decode_outcome(body)

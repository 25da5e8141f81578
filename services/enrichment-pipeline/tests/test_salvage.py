"""Elements of an array that is no JSON are told apart up to the fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment_pipeline.salvage import salvage


def parts(payload: bytes) -> tuple[list[bytes], bytes]:
    """Return the elements' bytes and the rest."""
    saved = salvage(payload)
    return saved.pieces, saved.rest


@pytest.mark.parametrize(
    ("payload", "pieces", "rest"),
    [
        (b' [1, {"a":NaN} ,\n3]\n', [b"1", b'{"a":NaN}', b"3"], b""),
        (b'["\\ud800",2]', [b'"\\ud800"', b"2"], b""),
        (b'["\xff",2]', [b'"\xff"', b"2"], b""),
        (b'["a,]\\"[",{"b":[1,2]},3]', [b'"a,]\\"["', b'{"b":[1,2]}', b"3"], b""),
        (b'[1,{"a":2},{"b"', [b"1", b'{"a":2}'], b'{"b"'),
        (b'[1,"torn,2]', [b"1"], b'"torn,2]'),
        (b"[1]]", [b"1"], b"]"),
        (b"[1],2", [b"1"], b",2"),
        (b"[1}},2]", [], b"1}},2]"),
        (b"[", [], b""),
        (b"[]", [], b""),
        (b'{"a":1}', [], b'{"a":1}'),
        (b"", [], b""),
    ],
)
def test_pieces(payload: bytes, pieces: list[bytes], rest: bytes) -> None:
    """Bytes come back as they were; what cannot be told apart is the rest."""
    assert parts(payload) == (pieces, rest)


def test_depth_is_no_crash() -> None:
    """Brackets without end are a fault like others."""
    deep = b"[" * 100_000

    assert parts(b"[1," + deep) == ([b"1"], deep)
    assert parts(b"[1," + deep + b"]" * 100_000 + b",2]")[0][::2] == [b"1", b"2"]


documents = st.lists(
    st.dictionaries(st.text(), st.floats() | st.text() | st.none()), min_size=1
)


@given(elements=documents, torn=st.integers(0, 40))
def test_whole_elements_of_a_torn_array_are_found(
    elements: list[object], torn: int
) -> None:
    """NaN and Infinity among them, and whatever is cut off at the end."""
    texts = [json.dumps(element).encode() for element in elements]
    whole = b"[" + b", ".join(texts) + b"]"
    payload = whole[: max(1, len(whole) - torn)]

    pieces, _ = parts(payload)

    ends = [len(b", ".join(texts[: count + 1])) + 1 for count in range(len(texts))]
    assert pieces == texts[: len(pieces)]
    assert len(pieces) >= sum(end < len(payload) for end in ends)

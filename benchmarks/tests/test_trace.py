"""Tests of recordings: what makes one, and what is said of what makes none."""

from __future__ import annotations

from pathlib import Path

import pytest

from capacity.errors import TraceUnusable
from capacity.trace import MOST_EVENTS, parse_trace, read_trace


def test_a_recording_begins_at_its_first_event() -> None:
    """Numbers, times, or lines of the simulator's ledger; empty lines are none."""
    found = parse_trace(
        b'100\n100.5\n\n{"at": 101}\n{"last_updated_us": 103000000, "x": 1}\n',
        file="t.jsonl",
    )

    assert found.offsets == (0.0, 0.5, 1.0, 3.0)
    assert found.period == 4.0
    assert found.name.startswith("t.jsonl (4 events, sha256 ")


def test_another_content_has_another_name() -> None:
    """A run that is gone on with must replay the same."""
    first, other = (parse_trace(text, file="t") for text in (b"1\n2", b"1\n3"))

    assert first.name != other.name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"1\nx", r"t, line 2: no JSON"),
        (b"1\n[2]", r"t, line 2: no time: \[2\]"),
        (b"true", r"t, line 1: no time: True"),
        (b'{"time": 3}', r"t, line 1: no time: None"),
        (b"1\n\n0.5", r"t, line 3: 0.5 s is before 1.0 s\n    to fix it: sort"),
        (b"", r"t: 0 events in 0 s make no rate"),
        (b"7\n7", r"t: 2 events in 0 s make no rate\n    to fix it: record"),
        (b"1\n" * (MOST_EVENTS + 1), r"line 100001: more than 100,000 events"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_recording_is_said(text: bytes, said: str) -> None:
    """The message names file and line, and what to do."""
    with pytest.raises(TraceUnusable, match=said):
        parse_trace(text, file="t")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(TraceUnusable, match=r"gone\.jsonl: No such file"):
        read_trace(tmp_path / "gone.jsonl")

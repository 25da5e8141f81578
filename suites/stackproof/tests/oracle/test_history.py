"""A run is saved before it is judged; what was interrupted can be read."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from stackproof.errors import SourceError, UsageError
from stackproof.oracle import (
    Attributes,
    Counters,
    Coverage,
    FaultProof,
    GapRow,
    HistoryWriter,
    Limits,
    Part,
    Planned,
    RunRecord,
    Seen,
    Sent,
    Stage,
    StageRecord,
    Stored,
    read_history,
)

RUN = RunRecord(
    source="simulator",
    scenario="sigkill",
    started_us=1,
    run_ids=("r1",),
    seed=7,
    scope=("sensor.r1_*",),
    schedule=(Planned(kind="SIGKILL", target="a", after_s=1.5, lasts_s=2.0),),
    limits=Limits(late_us=5),
    settings={"rate": 300, "fast": True, "note": None},
    images={"a": "sha256:1"},
)
SENT = [
    Sent(serial=1, entity_id="sensor.r1_0", time_us=10, state="ä", on_wire=True),
    Sent(
        serial=2,
        entity_id="sensor.r1_0",
        time_us=11,
        state=None,
        on_wire=False,
        recorded=True,
        intended_us=9,
    ),
]
STORED = [
    Stored(entity_id="sensor.r1_0", time_us=10, state="ä"),
    Stored(
        entity_id="sensor.r1_0",
        time_us=11,
        state=None,
        serial=2,
        attributes=Attributes.RECORDED,
        seen_us=12,
    ),
]
STAGES: list[StageRecord] = [
    Seen(stage=Stage.DEAD_LETTER, entity_id="s.x", time_us=1, detail="too big"),
    Coverage(of="spool", complete=False, reason="locked"),
    Counters(source="ingestion", at_us=4, values={"received": 2, "end": 1}),
    GapRow(id=1, cause="c", from_us=1, reasons={"purged": 1}),
]
FAULT = FaultProof(
    kind="SIGKILL",
    target="a",
    expected="exit 137",
    observed="exit 137",
    bitten=True,
    started_us=2,
    healed_us=3,
)


def save(folder: Path, *, missing: tuple[Part, ...] = ()) -> None:
    """Save a run with all kinds of records."""
    with HistoryWriter(folder, RUN) as history:
        history.fault(FAULT)
        history.sent(SENT[:1])
        history.sent(SENT[1:])
        history.stored(STORED)
        history.stages(STAGES)
        history.finish(msgspec.structs.replace(RUN, ended_us=20), missing=missing)


def begin_and_stop(folder: Path) -> None:
    """Begin to save, and be interrupted."""
    with HistoryWriter(folder, RUN) as history:
        history.sent(SENT)
        raise KeyboardInterrupt


def test_history_is_read_as_saved(tmp_path: Path) -> None:
    """All records come back, typed, as often as asked."""
    save(tmp_path / "run")

    history = read_history(tmp_path / "run")

    assert history.run == msgspec.structs.replace(RUN, ended_us=20)
    assert history.partial == frozenset()
    assert list(history.sent) == SENT == list(history.sent)
    assert list(history.stored) == STORED
    assert list(history.stages) == STAGES
    assert list(history.faults) == [FAULT]


def test_run_says_its_version(tmp_path: Path) -> None:
    """The version of the format is in the file."""
    save(tmp_path)

    assert json.loads((tmp_path / "run.json").read_text())["schema_version"] == 1


def test_interrupted_run_is_partial(tmp_path: Path) -> None:
    """What was written before an error is there, and nothing is whole."""
    with pytest.raises(KeyboardInterrupt):
        begin_and_stop(tmp_path)

    history_read = read_history(tmp_path)

    assert history_read.run.ended_us is None
    assert history_read.partial == frozenset(Part)
    assert list(history_read.sent) == SENT


def test_part_that_could_not_be_read_back_is_partial(tmp_path: Path) -> None:
    """The database may fail while it is read; the rest is whole."""
    save(tmp_path, missing=(Part.STORED,))

    assert read_history(tmp_path).partial == {Part.STORED}


def test_absent_part_is_partial(tmp_path: Path) -> None:
    """A file that is not there holds no rows and has no end."""
    save(tmp_path)
    (tmp_path / "stages.jsonl").unlink()

    history = read_history(tmp_path)

    assert history.partial == {Part.STAGES}
    assert not list(history.stages)


def test_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """Two runs never share a folder."""
    (tmp_path / "other").touch()

    with pytest.raises(UsageError, match="is not empty"):
        HistoryWriter(tmp_path, RUN)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no such file; name the folder of a saved run"),
        ("{", "correct the file"),
        ("[]", "correct the file"),
        ('{"schema_version": 2}', "has version 2 .* reads version 1"),
        ('{"schema_version": 1}', r"missing required field `source`.*correct"),
    ],
)
def test_run_that_cannot_be_used_is_named(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    """The message has the file, the problem and what to do."""
    if text is not None:
        (tmp_path / "run.json").write_text(text)

    with pytest.raises(SourceError, match=rf"run\.json: .*{problem}"):
        read_history(tmp_path)

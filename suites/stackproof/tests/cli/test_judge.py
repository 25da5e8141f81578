"""A saved run is judged again from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from stackproof.cli import main
from stackproof.oracle import HistoryWriter, RunRecord, Sent, Stored
from stackproof.report.matrix import MatrixResults, matrix_document
from stackproof.report.matrix_folder import write_matrix

EVENTS = [
    Sent(serial=n, entity_id="sensor.r", time_us=n, state=f"{n}", on_wire=True)
    for n in range(3)
]
RUN = RunRecord(source="simulator", scenario="sigkill", started_us=1, ended_us=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a run is saved."""
    return tmp_path / "run"


def save(folder: Path, *, stored: int = 3, run: RunRecord = RUN) -> None:
    """Save a run of which so many events are stored."""
    with HistoryWriter(folder, run) as history:
        history.sent(EVENTS)
        history.stored(
            Stored(entity_id=event.entity_id, time_us=event.time_us, state=event.state)
            for event in EVENTS[:stored]
        )
        history.finish(run)


@pytest.mark.parametrize(
    ("stored", "ended_us", "code", "said"),
    [
        (3, 2, 0, "sigkill: pass: 3 of 3 events stored"),
        (2, 2, 1, "sensor.r@2, serial 2, on the wire, last seen: unknown"),
        (3, None, 3, "unknown: the run was interrupted before its end"),
        (2, None, 1, "1 lost"),
    ],
)
def test_verdict_is_the_exit_code(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    stored: int,
    ended_us: int | None,
    code: int,
    said: str,
) -> None:
    """0 passes, 1 lost something, 3 proves nothing; the text says why."""
    save(folder, stored=stored, run=msgspec.structs.replace(RUN, ended_us=ended_us))

    assert main(["judge", str(folder)]) == code
    assert said in capsys.readouterr().out


def test_json_is_the_whole_verdict(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Machines get the same as people."""
    save(folder, stored=2)

    assert main(["judge", "--json", str(folder)]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["verdict"], document["tally"]["stored"]) == ("fail", 2)


def test_bad_line_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """File, line and what to do; the code is 2."""
    save(folder)
    path = folder / "sent.jsonl"
    path.write_text(path.read_text().replace('"serial":1', '"serial":"x"'))

    assert main(["judge", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "sent.jsonl:2: Expected `int`, got `str`" in said
    assert "correct the line, or save the run again" in said


def test_folder_without_a_run_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Something else than a saved run is a mistake of the caller."""
    assert main(["judge", str(folder)]) == 2
    assert "run.json: no such file; name the folder" in capsys.readouterr().err


def test_matrix_is_rendered_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`stackproof report` knows a matrix by its file."""
    results = MatrixResults(
        project="demo",
        started=datetime(2026, 1, 2, tzinfo=UTC),
        seconds=1.0,
        checks=(),
        scenarios=(),
    )
    write_matrix(tmp_path, matrix_document(results))
    (tmp_path / "report.html").unlink()

    assert main(["report", str(tmp_path)]) == 0
    assert "no scenario of demo was run" in capsys.readouterr().out
    assert (tmp_path / "report.html").is_file()

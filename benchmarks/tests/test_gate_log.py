"""Tests of what gates leave behind, and of the false alarms counted from it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from capacity.errors import RunUnusable
from capacity.gate import Metric, Sample, Side, Verdict
from capacity.gate_log import Alarms, Compared, Entry, GateLog, Round, alarms_of
from capacity.judge_trial import Outcome


def sample(side: Side, cpu: float) -> Sample:
    """Return a valid trial."""
    return Sample(
        pair=1,
        side=side,
        fingerprint="host",
        outcome=Outcome.PASS,
        reasons=(),
        metrics={Metric.CPU_PER_EVENT: cpu, Metric.P99: 0.2},
        cpu={"enrichment-pipeline": cpu},
    )


def entry(
    verdict: Verdict | None = Verdict.PASS,
    *,
    same: bool = True,
    fingerprint: str = "host",
    rate: float = 300.0,
    seconds: float = 60.0,
    pairs: int = 5,
    new: float = 1.0,
) -> Entry:
    """Return a run whose new side costs `new` times as much."""
    version = Compared(name="0.1.0", images={"enrichment-pipeline": "sha256:1"})
    return Entry(
        id="one",
        at=datetime(2026, 11, 25, tzinfo=UTC),
        same=same,
        base=version,
        new=version,
        fingerprint=fingerprint,
        rate=rate,
        seconds=seconds,
        limits={},
        verdict=verdict,
        ratios={Metric.P99: (1.0, 0.9, 1.1)},
        rounds=[
            Round(
                base=sample(Side.BASE, 5e-4),
                new=sample(Side.NEW, 5e-4 * new),
                fresh=False,
            )
        ]
        * pairs,
    )


def alarms(*entries: Entry) -> Alarms:
    """Count at 300/s and 60 s a trial."""
    return alarms_of(
        entries,
        fingerprint="host",
        rate=300.0,
        seconds=60.0,
        pairs=5,
        draws=50,
        random=np.random.default_rng(1),
    )


def test_what_was_added_is_read_again(tmp_path: Path) -> None:
    """Line by line; a file that is not there holds nothing."""
    log = GateLog(tmp_path / "gate" / "history.jsonl")
    assert log.entries() == []
    kept = [entry(), entry(None, pairs=0), entry(Verdict.FAIL, same=False)]
    for one in kept:
        log.add(one)

    assert log.entries() == kept
    assert len(log.file.read_text("utf-8").splitlines()) == 3


def test_a_file_of_another_kind_is_said(tmp_path: Path) -> None:
    """It is named, and nothing is added to it."""
    file = tmp_path / "history.jsonl"
    file.write_text('{"id": 1}\n')

    with pytest.raises(RunUnusable, match=r"history\.jsonl"):
        GateLog(file).entries()


def test_runs_of_a_version_against_itself_are_counted() -> None:
    """Those that ended; of one that did not, the pairs count."""
    found = alarms(entry(), entry(Verdict.FAIL), entry(None, pairs=2))

    assert (found.runs, found.red, found.pairs) == (2, 1, 12)
    assert found.estimate == 0.0


@pytest.mark.parametrize(
    "other",
    [
        entry(same=False),
        entry(fingerprint="another"),
        entry(seconds=15.0),
        entry(rate=340.0),
    ],
    ids=["versions", "host", "window", "rate"],
)
def test_what_was_measured_otherwise_is_left_out(other: Entry) -> None:
    """Another host or load has another noise."""
    found = alarms(other)

    assert (found.runs, found.pairs) == (0, 0)
    assert math.isnan(found.estimate)


def test_a_rate_that_is_nearly_the_same_counts() -> None:
    """The edge that it is taken of moves by a few percent from run to run."""
    assert alarms(entry(rate=320.0)).runs == 1

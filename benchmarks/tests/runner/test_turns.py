"""Tests of a gate's trials against a made-up stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from capacity.duel import Duel
from capacity.gate import Metric, Sample, Side, Verdict
from capacity.judge_trial import Outcome
from capacity.names import ENRICHMENT
from capacity.trial import Slo
from capacity.turns import Turns
from capacity.versions import Version
from capacity.workload import Workload

MakeBench = Callable[..., Any]
BASE = Version(name="base", tag="base", ids={})
NEW = Version(name="new", tag="new", ids={})


class Gate:
    """Two versions on one made-up host; the new one does `more` with each step."""

    def __init__(self, bench: Any, more: Callable[[float], None]) -> None:
        self.bench = bench
        self.started: list[str] = []
        self.running = 0
        world = bench.world
        usual = world.fault

        @contextmanager
        def start(version: Version) -> Iterator[tuple[Any, str]]:
            self.started.append(version.name)
            self.running += 1
            assert self.running == 1
            world.fault = more if version is NEW else usual
            try:
                yield bench.rig, "host"
            finally:
                self.running -= 1
                world.fault = usual
                bench.rig.deaf = False
                world.queue.clear()
                world.done = world.emitted

        self.turns = Turns(
            start,
            bench.load,
            {Side.BASE: BASE, Side.NEW: NEW},
            rate=1_000.0,
            seconds=20.0,
            slo=Slo(),
            workload=Workload(prefix="sensor.gate", entities=100),
            clock=bench.measurer._clock,
            wall=bench.measurer._wall,
        )

    def trial(self, side: Side) -> Sample:
        """Make one trial."""
        return self.turns.trial(side, 1)


@pytest.fixture
def costly(make_bench: MakeBench) -> Gate:
    """Return a gate whose new version burns a tenth of a core in enrichment."""
    bench = make_bench()

    def burn(_now: float) -> None:
        bench.world.cpu[ENRICHMENT] += 0.1 * 0.02

    return Gate(bench, burn)


def test_a_trial_has_a_stack_of_its_own(costly: Gate) -> None:
    """It is that of its side, and is gone afterwards."""
    found = costly.trial(Side.BASE)

    assert costly.started == ["base"]
    assert costly.running == 0
    assert (found.outcome, found.fingerprint) == (Outcome.PASS, "host")
    # 20 and 60 µs an event, and two idle processes of 1 % of a core.
    assert found.metrics[Metric.CPU_PER_EVENT] == pytest.approx(100e-6, rel=0.02)
    assert found.metrics[Metric.P99] == pytest.approx(0.25, abs=0.05)


def test_what_a_version_burns_is_in_its_own_trial(costly: Gate) -> None:
    """A tenth of a core at 1,000/s is 100 µs an event."""
    base, new = costly.trial(Side.BASE), costly.trial(Side.NEW)

    more = new.metrics[Metric.CPU_PER_EVENT] - base.metrics[Metric.CPU_PER_EVENT]
    assert more == pytest.approx(100e-6, rel=0.05)
    assert new.cpu[ENRICHMENT] - base.cpu[ENRICHMENT] == pytest.approx(more)


def test_a_stack_that_no_longer_answers_has_failed(make_bench: MakeBench) -> None:
    """That is no reason to end: the base has still to show that it can."""
    bench = make_bench()

    def die(now: float) -> None:
        bench.rig.deaf = True

    gate = Gate(bench, die)
    dead = gate.trial(Side.NEW)

    assert (dead.outcome, dead.reasons) == (Outcome.FAIL, ("no_answer",))
    assert dead.metrics == {}
    assert gate.running == 0
    assert gate.trial(Side.BASE).outcome is Outcome.PASS


@pytest.mark.timeout(60)
def test_a_costly_version_is_red(costly: Gate) -> None:
    """From the first trial to the verdict."""
    duel = Duel(
        costly.turns.trial,
        pairs=5,
        random=np.random.default_rng(1),
        said=costly.bench.teller.said,
        clock=costly.bench.measurer._clock.monotonic,
        trial_seconds=60.0,
    )
    ended = duel.run()

    assert ended.result.verdict is Verdict.FAIL
    assert ended.result.worse == {Metric.CPU_PER_EVENT}
    assert len(costly.started) == 20

"""Latency counts from the moment an event was due, by a real clock and stack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from capacity.judge_trial import Outcome, attainment_of, judge
from capacity.names import DATABASE
from capacity.stack_rig import StackRig
from capacity.trial import Phase, Slo, Stage

MakeBench = Callable[..., Any]
RATE = 200.0
WINDOW = 60.0
BEFORE = 20.0
STALL = 5.0


@contextmanager
def stalled(rig: StackRig, *, after: float, seconds: float) -> Iterator[list[float]]:
    """Freeze the database once, from another thread; yields what was done."""
    database = rig.containers()[DATABASE]
    frozen: list[float] = []
    ended = threading.Event()

    def freeze() -> None:
        if ended.wait(after):
            return
        database.pause()
        try:
            ended.wait(seconds)
            frozen.append(seconds)
        finally:
            database.unpause()

    thread = threading.Thread(target=freeze)
    thread.start()
    try:
        yield frozen
    finally:
        ended.set()
        thread.join()


@pytest.mark.timeout(240)
def test_every_event_is_accounted_for_and_timed(make_bench: MakeBench) -> None:
    """Nothing is missing, and no clock runs ahead of another one.

    Whether the machine was calm enough for a verdict is not asked here.
    """
    result = make_bench().trial(Phase.BRACKET, RATE, window=20.0)

    count = result.accounting
    assert count.sent == count.stored == 23 * RATE
    assert count.negative == 0
    # The window opens when the looks before it are done, a moment after settling.
    due = sum(block.due for block in result.blocks)
    assert 19.5 * RATE < due <= 20 * RATE
    assert 0 < result.latency[Stage.TOTAL].p50 <= result.latency[Stage.TOTAL].p99


@pytest.mark.timeout(300)
def test_a_stall_of_5_s_a_minute_is_not_left_out(make_bench: MakeBench) -> None:
    """What would have been sent in the stall has waited, and it counts."""
    bench = make_bench()
    with stalled(bench.rig, after=BEFORE, seconds=STALL) as frozen:
        result = bench.trial(Phase.BRACKET, RATE, window=WINDOW)

    assert frozen == [STALL]
    assert result.latency[Stage.TOTAL].p99 >= 4.0
    assert result.latency[Stage.TOTAL].p50 < 1.0
    assert attainment_of(result.blocks).value < Slo().p
    assert judge(result, Slo()).outcome is not Outcome.PASS
    assert result.accounting.lost == 0

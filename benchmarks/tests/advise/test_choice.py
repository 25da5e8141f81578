"""Tests of which report answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from capacity.advise import Question, choose
from capacity.document import Entry, Report, Status
from capacity.errors import UsageError

Make = Callable[..., Report]
replace = msgspec.structs.replace


def ask(rate: float, reports: dict[str, Report], entities: int = 1000) -> str:
    """Return which report answers for a rate."""
    return choose(Question(rate=rate, entities=entities, retention_days=30.0), reports)


def later(report: Report, days: int) -> Report:
    """Return the same run some days later."""
    started = report.run.started + timedelta(days=days)
    return replace(report, run=replace(report.run, started=started))


def slower(report: Report) -> Report:
    """Return a run in which nothing above 100 events/s passed."""
    kept = tuple(t for t in report.trials if t.target_eps <= 100)
    verdict = replace(report.verdict, sustained_trial=None)
    return replace(report, trials=kept, verdict=verdict)


def test_newest_answers_among_equals(made_up: Make) -> None:
    """Where all measured the load, the last one counts."""
    report = made_up()

    assert ask(80, {"a": report, "b": later(slower(report), 3)}) == "b"


def test_run_that_measured_the_load_comes_first(made_up: Make) -> None:
    """A newer run that would extrapolate gives way, and so does one that refuses."""
    report = made_up()
    runs = {"old": report, "new": later(slower(report), 3)}

    assert ask(150, runs) == "old"
    assert ask(400, runs) == "old"


def test_bad_run_never_answers_before_a_sound_one(made_up: Make) -> None:
    """A newer run without a capacity is passed over."""
    report = made_up()
    verdict = replace(report.verdict, status=Status.INVALID)
    bad = later(replace(report, verdict=verdict), 9)

    assert ask(80, {"bad": bad, "sound": report}) == "sound"
    assert ask(80, {"bad": bad}) == "bad"


def test_run_with_enough_entities_comes_first(made_up: Make) -> None:
    """A newer run with fewer series gives way."""
    report = made_up()
    memory = tuple(replace(m, max_series=920) for m in report.model.memory)
    few = later(replace(report, model=replace(report.model, memory=memory)), 2)

    assert ask(80, {"few": few, "many": report}, entities=1000) == "many"


def test_without_reports_nothing_is_made_up() -> None:
    """The message says how to get one."""
    with pytest.raises(UsageError, match="capacity run"):
        ask(80, {})


def test_the_simulators_run_answers_before_a_real_source(made_up: Make) -> None:
    """A search that ended where Home Assistant did says little of the stack."""
    report = made_up()
    workload = replace(report.workload, entry=Entry.REAL_HA)
    real = later(replace(report, workload=workload), 3)

    assert ask(80, {"simulator": report, "real": real}) == "simulator"
    assert ask(80, {"real": real}) == "real"

"""Tests of the verdict's sentence: each kind of run has an honest one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from capacity.document import (
    Bottleneck,
    Check,
    Confidence,
    DrainS,
    Edge,
    Entry,
    Label,
    Profile,
    Report,
    Resource,
    Standing,
    Status,
    StopReason,
    Verdict,
)
from capacity.report.sentence import completed, pieces, sentence

Make = Callable[..., Report]
replace = msgspec.structs.replace


def verdict(**changes: Any) -> Verdict:
    """Return a verdict without a capacity, changed."""
    plain = Verdict(
        status=Status.INCONCLUSIVE,
        sentence="",
        figures=(),
        sustained_eps=None,
        sustained_trial=None,
        edge=None,
        stop_reason=StopReason.TIME_BUDGET,
    )
    return replace(plain, **changes)


def bare(made_up: Make, **changes: Any) -> str:
    """Return the sentence of a run with nothing beside the verdict."""
    parts = {"storage": None, "resilience": None, **changes}
    return sentence(made_up(**parts))


def test_a_real_source_is_named(made_up: Make) -> None:
    """Its edge is not the stack's."""
    report = made_up()
    workload = replace(report.workload, entry=Entry.REAL_HA)

    assert sentence(replace(report, workload=workload)).startswith(
        "This machine sustains 305 events/s from a real Home Assistant at p99 ≤ 1 s; "
    )


def test_sound_run_says_it_all(made_up: Make) -> None:
    """Rate, limit, edge, first limit, outage, drain, disk and retention."""
    assert sentence(made_up()) == (
        "This machine sustains 305 events/s at p99 ≤ 1 s; edge 436\N{EN DASH}476 "
        "events/s; first limit: influxdb CPU; survives an outage of 4.3 h and drains "
        "one of 2 min in 4.4 min; disk full in 91 days at retention 365 days."
    )


def test_every_number_has_a_label(made_up: Make) -> None:
    """No digit stands in the sentence outside of a labelled figure."""
    told = pieces(made_up())
    figures = {p.figure.name: p.figure.label for p in told if p.figure is not None}
    loose = "".join(piece.text for piece in told if piece.figure is None)

    assert figures == {
        "sustained rate": Label.MEASURED,
        "p99 limit": Label.ASSUMED,
        "edge": Label.MEASURED,
        "first limit": Label.MEASURED,
        "longest outage": Label.EXTRAPOLATED,
        "outage tried": Label.ASSUMED,
        "drain": Label.MEASURED,
        "disk full": Label.EXTRAPOLATED,
        "retention": Label.ASSUMED,
    }
    assert not any(letter.isdigit() for letter in loose.replace("p99", ""))


def test_document_carries_its_own_sentence(made_up: Make) -> None:
    """The verdict of a completed document is what the function says of it."""
    report = completed(made_up())

    assert report.verdict.sentence == sentence(report)
    assert completed(report) == report


def test_sustained_rate_without_a_soak_is_extrapolated(made_up: Make) -> None:
    """A derated number that nobody tried is not called measured."""
    report = made_up()
    report = replace(report, verdict=replace(report.verdict, sustained_trial=None))

    figure = next(p.figure for p in pieces(report) if p.figure is not None)

    assert figure.label is Label.EXTRAPOLATED
    assert "no soak" in figure.because


def test_failed_soak_is_not_measured(made_up: Make) -> None:
    """A trial that failed does not prove its rate."""
    report = made_up()
    report = replace(report, verdict=replace(report.verdict, sustained_trial="U1"))

    figure = next(p.figure for p in pieces(report) if p.figure is not None)

    assert figure.label is Label.EXTRAPOLATED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"edge": Edge(lower=6400.0, upper=None, confirmed=False)}
            | {"stop_reason": StopReason.GENERATOR_LIMITED},
            (
                "This machine carried at least 6,400 events/s at p99 ≤ 1 s, and the "
                "edge was not reached: the load generator could not go faster; a "
                "sustained rate was not verified; first limit: the load generator, "
                "not the stack."
            ),
        ),
        (
            {"edge": Edge(lower=40.0, upper=90.0, confirmed=False)}
            | {"stop_reason": StopReason.UNSTABLE},
            (
                "No single capacity: the same rates passed and failed between "
                "40\N{EN DASH}90 events/s; a sustained rate was not verified; first "
                "limit: influxdb CPU."
            ),
        ),
        (
            {"edge": Edge(lower=400.0, upper=800.0, confirmed=False)},
            (
                "The edge of this machine is 400\N{EN DASH}800 events/s at p99 ≤ 1 s; "
                "a sustained rate was not verified; first limit: influxdb CPU."
            ),
        ),
        (
            {"stop_reason": StopReason.NOT_DRAINED},
            (
                "No capacity was found: a backlog did not drain after 17 trials; "
                "the highest rate that passed is 436 events/s."
            ),
        ),
        (
            {"status": Status.FAIL, "stop_reason": StopReason.MIN_RATE_FAILS},
            (
                "This machine does not hold even 476 events/s at p99 ≤ 1 s: "
                "attainment, backlog grows."
            ),
        ),
    ],
)
def test_run_without_a_sustained_rate_promises_none(
    made_up: Make, changes: dict[str, Any], said: str
) -> None:
    """A run that the generator, the time or the machine ended says so."""
    assert bare(made_up, verdict=verdict(**changes)) == said


def test_limit_of_the_generator_is_not_the_machines(made_up: Make) -> None:
    """A sustained rate below an edge that was not reached is a lower bound."""
    found = verdict(
        status=Status.PASS,
        sustained_eps=305.0,
        sustained_trial="R1",
        edge=Edge(lower=436.0, upper=None, confirmed=True),
        stop_reason=StopReason.GENERATOR_LIMITED,
    )

    assert bare(made_up, verdict=found) == (
        "This machine sustains at least 305 events/s at p99 ≤ 1 s; edge above 436 "
        "events/s (the load generator could not go faster); first limit: the load "
        "generator, not the stack."
    )


def test_invalid_run_states_no_number_of_the_stack(made_up: Make) -> None:
    """The bad check is named, with what was found and what is allowed."""
    steal = Check(
        name="CPU steal", standing=Standing.BAD, value="9.1 %", limit="5 %", why=""
    )
    report = made_up(
        verdict=verdict(status=Status.INVALID, sustained_eps=305.0), validity=(steal,)
    )

    assert sentence(report) == (
        "No capacity can be stated, because the run is not valid: CPU steal was 9.1 %, "
        "allowed is 5 %."
    )
    assert all(piece.figure is None for piece in pieces(report))


def test_invalid_run_counts_further_checks(made_up: Make) -> None:
    """Several bad checks are not hidden behind the first."""
    checks = tuple(
        Check(name=name, standing=Standing.BAD, value="1", limit="0", why="")
        for name in ("clock", "steal", "lag")
    )

    said = bare(made_up, verdict=verdict(status=Status.INVALID), validity=checks)

    assert said.endswith("clock was 1, allowed is 0, and 2 other checks failed.")


def test_invalid_run_without_a_bad_check_tells_the_trials_reason(made_up: Make) -> None:
    """Where only trials were invalid, their reason is told."""
    said = bare(made_up, verdict=verdict(status=Status.INVALID), validity=())

    assert said.endswith("the run is not valid: dispatch lag.")


def test_early_end_and_quick_profile_are_told(made_up: Make) -> None:
    """A run that was cut short, and one that only screens, say so at the end."""
    report = made_up()
    run = replace(report.run, complete=False, profile=Profile.QUICK)

    assert sentence(replace(report, run=run)).endswith(
        " The run was ended early: what it had not measured is absent. A quick run "
        "screens; it does not confirm."
    )


@pytest.mark.parametrize(
    ("resource", "confidence", "said", "label"),
    [
        (Resource.DISK, Confidence.HIGH, "first limit: host disk", Label.MEASURED),
        (Resource.CPU, Confidence.MEDIUM, "limit: host CPU", Label.EXTRAPOLATED),
        (Resource.THREAD, Confidence.LOW, "perhaps: host thread", Label.ASSUMED),
        (Resource.UNKNOWN, Confidence.LOW, "first limit: not explained by CPU", None),
    ],
)
def test_first_limit_is_only_as_sure_as_its_evidence(
    made_up: Make,
    resource: Resource,
    confidence: Confidence,
    said: str,
    label: Label | None,
) -> None:
    """What was not confirmed is extrapolated, what is not explained is not named."""
    report = made_up()
    found = Bottleneck(
        name="host", resource=resource, evidence=(), confidence=confidence
    )
    report = replace(report, model=replace(report.model, bottleneck=found))
    figures = {p.figure.name: p.figure for p in pieces(report) if p.figure is not None}

    assert said in sentence(report)
    assert label == (figures["first limit"].label if label else None)


@pytest.mark.parametrize(
    ("drain", "said", "label"),
    [
        (DrainS(predicted=300.0, measured=None), "in 5 min", Label.EXTRAPOLATED),
        (DrainS(predicted=None, measured=None), "did not drain while", None),
    ],
)
def test_drain_that_was_not_seen_is_not_measured(
    made_up: Make, drain: DrainS, said: str, label: Label | None
) -> None:
    """A predicted drain is extrapolated; none at all is said."""
    report = made_up()
    assert report.resilience is not None
    report = replace(report, resilience=replace(report.resilience, drain_s=drain))
    figures = {p.figure.name: p.figure for p in pieces(report) if p.figure is not None}

    assert said in sentence(report)
    assert label == (figures["drain"].label if "drain" in figures else None)


def test_disk_that_never_fills_is_told(made_up: Make) -> None:
    """No days are made up where retention keeps the disk from filling."""
    report = made_up()
    assert report.storage is not None
    calm = replace(report.storage, days_to_full=None, retention_days=0.0)

    assert sentence(replace(report, storage=calm)).endswith(
        "; the disk does not fill at retention for ever."
    )

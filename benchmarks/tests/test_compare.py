"""Tests of two reports side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from capacity.compare import Comparison, Overall, compare, judged, table
from capacity.document import Edge, Gate, Report, Status

Make = Callable[..., Report]
replace = msgspec.structs.replace


def costlier(report: Report, factor: float) -> Report:
    """Return a report whose containers need more CPU per event."""
    demand = tuple(
        replace(
            d,
            cpu_s_per_event=d.cpu_s_per_event * factor,
            ci=(d.ci[0] * factor, d.ci[1] * factor),
        )
        for d in report.model.demand
    )
    return replace(report, model=replace(report.model, demand=demand))


def gates(found: Comparison) -> dict[str, Gate]:
    """Return the verdict on each figure."""
    return {figure.metric: figure.gate for figure in found.figures}


def test_run_is_the_same_as_itself(made_up: Make) -> None:
    """Every ratio is 1 and nothing is better or worse."""
    found = compare(made_up(), made_up())

    assert found.overall is Overall.SAME
    assert {figure.ratio for figure in found.figures} == {1.0}
    assert len(found.figures) == 4


@pytest.mark.parametrize(
    ("factor", "gate", "overall"),
    [
        (1.5, Gate.WORSE, Overall.WORSE),
        (1.055, Gate.UNDECIDED, Overall.UNDECIDED),
        (1.02, Gate.SAME, Overall.SAME),
        (0.5, Gate.BETTER, Overall.BETTER),
    ],
)
def test_cpu_per_event_is_judged_first(
    made_up: Make, factor: float, gate: Gate, overall: Overall
) -> None:
    """It moves least with what else a host does, so it decides."""
    found = compare(made_up(), costlier(made_up(), factor))

    assert found.figures[0].metric == "CPU per event"
    assert found.figures[0].gate is gate
    assert found.overall is overall


def test_worse_outweighs_better(made_up: Make) -> None:
    """A gain elsewhere does not pay for a loss."""
    report = made_up()
    edge = Edge(lower=900.0, upper=950.0, confirmed=True)
    faster = replace(report, verdict=replace(report.verdict, edge=edge))
    found = compare(report, costlier(faster, 1.5))

    assert gates(found)["edge"] is Gate.BETTER
    assert found.overall is Overall.WORSE


def test_lower_edge_is_worse(made_up: Make) -> None:
    """For a capacity more is better."""
    report = made_up()
    edge = Edge(lower=200.0, upper=210.0, confirmed=True)
    slower = replace(report, verdict=replace(report.verdict, edge=edge))

    assert gates(compare(report, slower))["edge"] is Gate.WORSE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda r: {
                "environment": replace(r.environment, fingerprint_sha="ab" * 32)
            },
            "the hosts differ",
        ),
        (
            lambda r: {"workload": replace(r.workload, entities=7)},
            "the loads differ: entities 1000, and 7",
        ),
        (
            lambda r: {"slo": replace(r.slo, limit_ms=5.0)},
            "the objectives differ: limit_ms 1000.0, and 5.0",
        ),
        (
            lambda r: {"verdict": replace(r.verdict, status=Status.INVALID)},
            "the new run is not valid",
        ),
    ],
)
def test_what_differs_is_not_compared(
    made_up: Make, change: Callable[[Any], dict[str, Any]], reason: str
) -> None:
    """Another host, load or objective, and an invalid run, give no ratio at all."""
    report = made_up()
    found = compare(report, made_up(**change(report)))

    assert found.overall is Overall.NOT_COMPARABLE
    assert found.figures == ()
    assert reason in found.reasons[0]
    assert reason in table(found)


def test_nothing_in_common_is_not_comparable(made_up: Make) -> None:
    """Two runs without a figure say nothing about each other."""
    report = made_up()
    bare = made_up(
        storage=None,
        model=replace(report.model, demand=()),
        verdict=replace(
            report.verdict, edge=None, sustained_trial=None, sustained_eps=None
        ),
    )

    assert compare(bare, report).reasons == ("they have no figure in common",)


def test_p99_is_compared_at_the_same_rate_only(made_up: Make) -> None:
    """At another rate another latency is no news, and that is told."""
    report = made_up()
    faster = replace(report, verdict=replace(report.verdict, sustained_eps=400.0))
    found = compare(report, faster)

    assert "p99 at the sustained rate" not in gates(found)
    assert found.notes == (
        "p99 is left out: the sustained rates differ too much (305 and 400)",
    )


def test_another_host_speed_is_told(made_up: Make) -> None:
    """What the database alone takes now and took then is no merit of the services."""
    report = made_up()
    speed = report.speed
    assert speed is not None
    direct = speed.direct
    assert direct is not None

    def writing(lines: float) -> Report:
        other = replace(direct, lines_per_s=lines)
        return replace(report, speed=replace(speed, direct=other))

    assert not compare(writing(80_000.0), writing(83_900.0)).notes
    (note,) = compare(writing(80_000.0), writing(96_000.0)).notes
    assert note.startswith("past the services InfluxDB took 96,000 instead of 80,000")
    assert "1.20 times as many" in note
    without = replace(report, speed=replace(speed, direct=None))
    assert not compare(without, writing(96_000.0)).notes


@pytest.mark.parametrize(
    ("ratio", "ci", "higher", "gate"),
    [
        (1.0, (0.99, 1.01), False, Gate.SAME),
        (1.04, (1.03, 1.05), False, Gate.SAME),
        (1.06, (1.02, 1.10), False, Gate.WORSE),
        (1.06, (0.98, 1.14), False, Gate.UNDECIDED),
        (0.90, (0.85, 0.95), False, Gate.BETTER),
        (0.90, (0.85, 0.95), True, Gate.WORSE),
        (1.20, (1.10, 1.30), True, Gate.BETTER),
        (1.01, (0.70, 1.40), False, Gate.UNDECIDED),
    ],
)
def test_ratio_needs_effect_and_interval(
    *, ratio: float, ci: tuple[float, float], higher: bool, gate: Gate
) -> None:
    """Beyond the threshold and sure; a wide interval around 1 settles nothing."""
    assert judged(ratio, ci, threshold=0.05, higher_is_better=higher) is gate


def test_document_of_a_comparison_is_plain(made_up: Make) -> None:
    """A program reads the same that a person does."""
    found = compare(made_up(), costlier(made_up(), 1.5)).document()

    assert found["overall"] == "worse"
    assert found["ratios"][0] == {
        "metric": "CPU per event",
        "value": 1.5,
        "ci": [1.4126, 1.5928],
        "gate": "worse",
    }

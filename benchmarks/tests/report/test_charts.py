"""Tests of the charts: what is drawn, what is left out, and when there is none."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import msgspec
import pytest

from capacity.document import (
    BacklogPoint,
    Incident,
    IncidentKind,
    Outcome,
    Phase,
    Report,
    Stage,
)
from capacity.report import charts
from capacity.report.charts.base import by_rate, thinned
from capacity.report.charts.curves import quantiles

Make = Callable[..., Report]
replace = msgspec.structs.replace
DRAWERS = (
    charts.draw_backlog,
    charts.draw_blocks,
    charts.draw_disk,
    charts.draw_percentiles,
    charts.draw_rates,
    charts.draw_search,
    charts.draw_stages,
)


def drawings(report: Report) -> list[charts.Chart]:
    """Return all charts of a report."""
    drawn = [chart for draw in DRAWERS if (chart := draw(report)) is not None]
    return [*drawn, *charts.draw_containers(report)]


def test_all_charts_are_sound_drawings(made_up: Make) -> None:
    """Each is well-formed, has a name, and stays within its frame."""
    for chart in drawings(made_up()):
        for drawn in (chart.wide, chart.narrow or chart.wide):
            root = ET.fromstring(drawn)  # noqa: S314 - our own
            width, height = (float(v) for v in root.attrib["viewBox"].split()[2:])
            places = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", drawn)

            assert root[0].text
            assert all(-6 <= float(x) <= width + 6 for x, _ in places), chart.title
            assert all(-6 <= float(y) <= height + 6 for _, y in places), chart.title
            assert "nan" not in drawn


def test_report_without_measurements_has_no_charts(made_up: Make) -> None:
    """Nothing is drawn where nothing was measured."""
    report = made_up()
    verdict = replace(
        report.verdict, sustained_trial=None, sustained_eps=None, edge=None
    )
    empty = made_up(
        trials=(), verdict=verdict, timeline=None, storage=None, resilience=None
    )

    assert drawings(empty) == []


@pytest.mark.parametrize("keep", [1, 2, 5, 8])
def test_partial_run_is_drawn_as_far_as_it_went(made_up: Make, keep: int) -> None:
    """Each start of a search makes charts."""
    report = made_up()
    verdict = replace(
        report.verdict, sustained_trial=None, sustained_eps=None, edge=None
    )

    drawn = drawings(made_up(trials=report.trials[:keep], verdict=verdict))

    assert "Search path" in {chart.title for chart in drawn}
    assert ("Latency against rate" in {c.title for c in drawn}) == (keep > 1)


def test_invalid_trials_are_not_among_the_rates(made_up: Make) -> None:
    """They are left out of the measurements and counted; the search path has them."""
    report = made_up()
    rates, path = charts.draw_rates(report), charts.draw_search(report)

    assert rates is not None
    assert path is not None
    assert "S1" not in rates.wide
    assert "Left out: 1 invalid." in rates.note
    assert "S1, bisect, 566 events/s: invalid, dispatch_lag" in path.wide


def test_rates_show_limit_edge_and_sustained_rate(made_up: Make) -> None:
    """What the verdict speaks of is in the main chart, on both widths."""
    chart = charts.draw_rates(made_up())

    assert chart is not None
    for drawn in (chart.wide, chart.narrow or ""):
        assert "p99 limit 1 s" in drawn
        assert "edge 436\N{EN DASH}476" in drawn
        assert "sustained 305" in drawn
        assert 'class="band edge"' in drawn


def test_outcomes_differ_in_shape(made_up: Make) -> None:
    """A page in black and white tells pass, fail and invalid apart."""
    chart = charts.draw_search(made_up())

    assert chart is not None
    for shape in ("pass circle", "fail cross", "invalid triangle"):
        assert shape in chart.wide


def test_calibration_is_no_trial_of_the_stack(made_up: Make) -> None:
    """What went into a null sink is in no chart."""
    report = made_up()
    sink = replace(report.trials[0], id="G1", phase=Phase.CALIBRATE, target_eps=9e4)

    with_sink = drawings(made_up(trials=(sink, *report.trials)))

    assert with_sink == drawings(report)


def test_disturbed_and_cold_trials_are_not_among_the_rates(made_up: Make) -> None:
    """An outage and a warm-up say nothing about the latency of their rate."""
    report = made_up()
    spoilt = tuple(
        replace(
            trial,
            latency={
                stage: replace(found, p50=9e4, p99=9e4, p999=9e4, mean=9e4)
                for stage, found in trial.latency.items()
            },
        )
        if trial.phase in {Phase.OUTAGE, Phase.WARM_UP}
        else trial
        for trial in report.trials
    )

    assert drawings(made_up(trials=spoilt)) == drawings(report)


def test_stages_add_up_to_the_whole(made_up: Make) -> None:
    """The stacked means are those of the total, within the histogram's precision."""
    for trial in made_up().trials:
        pieces = (
            Stage.SCHEDULE,
            Stage.HA_TO_INGEST,
            Stage.INGEST_TO_ENRICH,
            Stage.ENRICH_TO_STORED,
        )
        whole = trial.latency[Stage.TOTAL].mean

        assert sum(trial.latency[s].mean for s in pieces) == pytest.approx(whole, 0.01)


def test_percentiles_come_from_the_histogram(made_up: Make) -> None:
    """The curve goes through the quantiles that are stated."""
    latency = made_up().trials[5].latency[Stage.TOTAL]
    curve = dict(quantiles(latency))
    near = min(curve, key=lambda share: abs(share - 0.9))

    assert curve[near] == pytest.approx(latency.p90, rel=0.03)


def test_percentiles_without_a_histogram_say_so(made_up: Make) -> None:
    """Five points are drawn as five points."""
    report = made_up()
    coarse = tuple(
        replace(
            trial,
            latency={k: replace(v, hdr=None) for k, v in trial.latency.items()},
        )
        for trial in report.trials
    )
    chart = charts.draw_percentiles(made_up(trials=coarse))

    assert chart is not None
    assert chart.note.endswith("Some are known at five points only.")


def test_incidents_are_marked_and_told(made_up: Make) -> None:
    """Each has a shape of its kind at its time; many are counted."""
    report = made_up()
    chart = charts.draw_blocks(report)
    assert chart is not None
    assert chart.wide.count("incident") == 3
    assert "231 s snapshot (cache snapshot)" in chart.note

    many = tuple(
        Incident(at_s=float(i), kind=IncidentKind.OTHER, text="x") for i in range(30)
    )
    trials = tuple(
        replace(t, incidents=many) if t.id == "R1" else t for t in report.trials
    )
    chart = charts.draw_blocks(made_up(trials=trials))
    assert chart is not None
    assert chart.note.endswith("and 22 more.")


def test_containers_show_limits_and_throttling(made_up: Make) -> None:
    """CPU and memory limits are lines, throttling an area, its peak in words."""
    charts_by_name = {c.title: c for c in charts.draw_containers(made_up())}

    influx = charts_by_name["influxdb"]
    assert "limit 2<" in influx.wide
    assert "limit 2 GiB" in influx.wide
    assert "area throttled" in influx.wide
    assert "throttled at most" in influx.note
    assert "1 core at most" in charts_by_name["enrichment-pipeline"].note


def test_container_without_limits_says_so(made_up: Make) -> None:
    """A limit that is not there is not drawn, and told."""
    report = made_up()
    services = {
        name: replace(service, cpu_limit=None, mem_limit=None)
        for name, service in report.environment.services.items()
    }
    free = replace(report.environment, services=services)

    for chart in charts.draw_containers(made_up(environment=free)):
        assert "rule limit" not in chart.wide
        assert "no CPU limit; no memory limit" in chart.note


def test_peak_survives_thinning() -> None:
    """However long a run is, its worst moment is drawn."""
    values = [1.0] * 10_000
    values[7_777] = 99.0

    thin = thinned(values, 100)

    assert len(thin) == 100
    assert max(value for _, value in thin) == 99.0
    assert thinned([1.0, 2.0], 100) == [(0.0, 1.0), (1.0, 2.0)]


def test_long_outage_stays_small_and_keeps_its_peak(made_up: Make) -> None:
    """A backlog of hours by the second is drawn with few points."""
    found = made_up().resilience
    assert found is not None
    curve = tuple(
        BacklogPoint(at_s=float(i), events=found.backlog_peak if i == 3333 else 5)
        for i in range(20_000)
    )

    short = charts.draw_backlog(made_up(resilience=replace(found, curve=curve)))
    tall = charts.draw_backlog(made_up())

    assert short is not None
    assert tall is not None
    assert len(short.wide) < 20_000
    assert "predicted 4.1 min, 6 % off" in tall.note


def test_disk_that_is_far_larger_is_off_the_chart(made_up: Make) -> None:
    """The curve is not pressed to the floor by a line far above it."""
    report = made_up()
    disk = replace(report.environment.disk, free=90_000_000_000_000)
    chart = charts.draw_disk(
        made_up(environment=replace(report.environment, disk=disk))
    )

    assert chart is not None
    assert chart.note.endswith("Free are 90 TB, off the chart.")
    assert "rule limit" not in chart.wide


def test_medians_are_of_one_rate() -> None:
    """Trials at the same rate make one point, in the order of the rates."""
    assert by_rate([(5, 1), (2, 7), (5, 3), (5, 9)]) == [(2, 7), (5, 3)]


def test_outcomes_have_all_a_shape() -> None:
    """No outcome is left without one."""
    assert set(charts.base.SHAPE_OF) == set(Outcome)

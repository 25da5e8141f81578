"""A whole run against a made-up stack, from preflight to the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from capacity import document as doc
from capacity.assemble import assemble
from capacity.conclude import Facts, Seen, points_of
from capacity.document import decode, encode
from capacity.errors import RunUnusable
from capacity.kept import Begun, Kept
from capacity.report.folder import write
from capacity.runner import Driven, drive, profile_of, resumed
from capacity.search import QUICK, STANDARD, Search
from capacity.search.profile import Extras
from capacity.trial import Phase, TrialSpec

MakeBench = Callable[..., Any]
Make = Callable[..., doc.Report]


def driven(bench: Any, kept: Kept, search: Search | None = None) -> Driven:
    """Drive a quick search to its end."""
    return drive(
        search or Search(QUICK, bench.slo),
        bench.measurer.run,
        kept=kept,
        slo=bench.slo,
        teller=bench.teller,
    )


def report_of(bench: Any, found: Driven, begun: Begun, made_up: Make) -> doc.Report:
    """Assemble what a run has found; the host is made up."""
    environment = made_up().environment
    seen: Sequence[Seen] = [Seen(record=r, judgement=j) for r, j in found.records]
    return assemble(
        begun,
        seen,
        found.done,
        environment=environment,
        facts=Facts(
            series=1_000,
            stored_bytes=bench.rig.stored_bytes(),
            stored_points=points_of(seen),
            retention_days=365.0,
            spool_limit=2_000_000_000,
        ),
        slo=bench.slo,
        git=doc.Git(commit="0" * 40, dirty=False),
        duration=470.0,
    )


@pytest.mark.timeout(60)
def test_a_quick_run_ends_in_a_valid_report(
    make_bench: MakeBench, begun: Begun, made_up: Make, tmp_path: Path
) -> None:
    """The edge is that of the made-up stack, and the document is of its shape."""
    bench = make_bench(capacity=6_000.0)
    kept = Kept(tmp_path / "trials")
    kept.begin(begun)
    found = driven(bench, kept)
    assert found.done is not None
    edge = found.done.edge
    assert edge is not None
    assert 0.85 * 6_000 <= edge.lower <= 6_000 * 1.06
    report = report_of(bench, found, begun, made_up)
    whole = write(report, tmp_path)
    assert decode(encode(whole), origin="here") == whole
    assert whole.verdict.status is doc.Status.PASS
    assert "This machine sustains" in whole.verdict.sentence
    demand = {row.container: row for row in whole.model.demand}
    assert demand["enrichment-pipeline"].cpu_s_per_event == pytest.approx(
        60e-6, rel=0.1
    )
    assert whole.resilience is not None
    assert whole.resilience.drain_s.measured == pytest.approx(
        whole.resilience.drain_s.predicted, rel=0.2
    )
    assert whole.storage is not None
    assert whole.storage.bytes_per_point.hot == pytest.approx(12.0, rel=0.01)
    assert whole.timeline is not None
    assert whole.speed is not None
    known = {row.name: row for row in whole.speed.figures if row.value is not None}
    assert known["sustained / direct writes"].value == pytest.approx(
        (whole.verdict.sustained_eps or 0.0) / 50_000, rel=0.02
    )
    assert known["CPU per event, ingestion + enrichment"].value == pytest.approx(
        80.0, rel=0.1
    )


SHORT = replace(
    STANDARD,
    calibrate_start=8_000.0,
    calibrate_window=2.0,
    start_rate=1_000.0,
    warm_up_window=5.0,
    settle=2.0,
    window=5.0,
    confirm_settle=2.0,
    confirm_window=10.0,
    soak=10.0,
    outage=5.0,
    extras=Extras(
        idle=5.0,
        low=10.0,
        direct=1.0,
        emit=5.0,
        step=5.0,
        age=5.0,
        past_rate=0.5,
        cold=120.0,
        cold_rate=0.1,
    ),
)


@pytest.mark.timeout(60)
def test_what_comes_after_the_search_is_in_the_report(
    make_bench: MakeBench, begun: Begun, made_up: Make, tmp_path: Path
) -> None:
    """Each target has its figure, the forecast cold bytes, the memory its series."""
    bench = make_bench(capacity=2_000.0)
    kept = Kept(tmp_path / "trials")
    kept.begin(begun)
    found = driven(bench, kept, Search(SHORT, bench.slo, real=True))
    real = Begun(**{**_fields(begun), "entry": "real_ha"})
    whole = write(report_of(bench, found, real, made_up), tmp_path)
    assert whole.speed is not None
    missing = [row.name for row in whole.speed.figures if row.value is None]
    assert missing == [
        "sustained, simulator to InfluxDB",
        "sustained / direct writes",
        "CPU per event, ingestion + enrichment",
        "idle CPU of the three services",
        "idle memory of the three services",
    ]
    steps = [step.entities for step in whole.speed.entities]
    assert steps == [1_000, 1_000, 10_000, 10_000, 100_000, 100_000]
    assert [age.past_points for age in whole.speed.age] == [1_800, 43_200]
    assert whole.resilience is not None
    assert whole.resilience.drain_s.predicted is None
    assert whole.storage is not None
    assert whole.storage.bytes_per_point.cold == pytest.approx(10.0)
    assert {trial.phase for trial in whole.trials} >= {
        doc.Phase.LOW,
        doc.Phase.CARDINALITY,
        doc.Phase.AGE,
    }
    assert decode(encode(whole), origin="here") == whole


@pytest.mark.timeout(60)
def test_the_generators_limit_is_not_the_stacks(
    make_bench: MakeBench, begun: Begun, made_up: Make, tmp_path: Path
) -> None:
    """Where the source ends first, the capacity is "at least"."""
    bench = make_bench(capacity=50_000.0, generator=3_000.0)
    kept = Kept(tmp_path / "trials")
    kept.begin(begun)
    report = report_of(bench, driven(bench, kept), begun, made_up)
    assert report.verdict.stop_reason is doc.StopReason.GENERATOR_LIMITED
    assert report.verdict.edge is not None
    assert report.verdict.edge.upper is None
    assert report.verdict.edge.lower <= 3_000


@pytest.mark.timeout(60)
def test_an_interrupted_run_goes_on_where_it_was(
    make_bench: MakeBench, begun: Begun, made_up: Make, tmp_path: Path
) -> None:
    """What was measured is kept, reported as partial, and not measured again."""
    bench = make_bench()
    kept = Kept(tmp_path / "trials")
    kept.begin(begun)
    whole = bench.measurer.run

    def interrupted(spec: TrialSpec) -> Any:
        if spec.id == 9:
            raise KeyboardInterrupt
        return whole(spec)

    found = drive(
        Search(QUICK, bench.slo),
        interrupted,
        kept=kept,
        slo=bench.slo,
        teller=bench.teller,
    )
    assert found.done is None
    assert len(found.records) == 8
    report = report_of(bench, found, begun, made_up)
    assert not report.run.complete
    assert report.verdict.stop_reason is doc.StopReason.INTERRUPTED
    search = resumed(kept, begun, bench.slo)
    assert isinstance(spec := search.next(), TrialSpec)
    assert spec.id == 9
    assert driven(bench, kept, search).done is not None


def test_a_stack_that_dies_leaves_a_partial_report(
    make_bench: MakeBench, begun: Begun, made_up: Make, tmp_path: Path
) -> None:
    """It is said why, and what was measured before is not lost."""
    bench = make_bench()

    def dying(now: float) -> None:
        bench.rig.deaf = now > 160.0

    bench.world.fault = dying
    kept = Kept(tmp_path / "trials")
    kept.begin(begun)
    found = driven(bench, kept)
    assert found.done is None
    assert found.problem == "GET /v1/stats: no answer"
    assert 0 < len(found.records) == len(kept.records())
    report = report_of(bench, found, begun, made_up)
    assert report.verdict.status is doc.Status.INCONCLUSIVE


def test_nothing_measured_is_a_report_too(
    make_bench: MakeBench, begun: Begun, made_up: Make, tmp_path: Path
) -> None:
    """An interruption can come before the first trial."""
    bench = make_bench()
    found = Driven(done=None, records=())
    report = write(report_of(bench, found, begun, made_up), tmp_path)
    assert report.verdict.sentence.startswith("No capacity was found")


def test_a_slow_start_leaves_less_for_trials(begun: Begun) -> None:
    """The whole stays within the budget; a fast start gives nothing away."""
    slow = profile_of(Begun(**{**_fields(begun), "start_up": 75.0}))
    assert slow.trial_budget == QUICK.trial_budget - 45.0
    fast = profile_of(Begun(**{**_fields(begun), "start_up": 5.0}))
    assert fast.trial_budget == QUICK.trial_budget


@pytest.mark.parametrize("arrival", ["burst", "diurnal"])
def test_windows_hold_whole_rounds_of_a_load_that_comes_in_rounds(
    begun: Begun, arrival: str
) -> None:
    """Else one window would have the burst and the next one not."""
    profile = profile_of(Begun(**{**_fields(begun), "arrival": arrival, "period": 16}))
    windows = (profile.window, profile.confirm_window, profile.soak)
    assert windows == (16.0, 32.0, 48.0)
    assert (profile.warm_up_window, profile.warm_up_cap) == (16.0, 32.0)
    assert profile.trial_budget == QUICK.trial_budget


@pytest.mark.parametrize(
    ("name", "value"), [("trace", "b"), ("period", 30.0), ("entity_growth", 5.0)]
)
def test_another_load_does_not_go_on_with_a_run(
    make_bench: MakeBench, begun: Begun, tmp_path: Path, name: str, value: object
) -> None:
    """What was sent is part of what was measured."""
    kept = Kept(tmp_path)
    kept.begin(begun)
    with pytest.raises(RunUnusable, match=f"{name} was"):
        resumed(kept, Begun(**{**_fields(begun), name: value}), make_bench().slo)


def test_other_options_do_not_go_on_with_a_run(
    make_bench: MakeBench, begun: Begun, tmp_path: Path
) -> None:
    """Trials of another promise would be mixed with these."""
    kept = Kept(tmp_path)
    kept.begin(begun)
    other = Begun(**{**_fields(begun), "slo_p99": 500.0})
    with pytest.raises(RunUnusable, match=r"slo_p99 was 1000\.0, and is 500\.0 now"):
        resumed(kept, other, make_bench().slo)


def test_a_run_that_skips_goes_on_skipping(
    make_bench: MakeBench, begun: Begun, tmp_path: Path
) -> None:
    """What was left out is not made after the interruption either."""
    kept = Kept(tmp_path)
    skipping = Begun(**{**_fields(begun), "skip": ("direct", "outage")})
    kept.begin(skipping)
    bench = make_bench(capacity=1_000.0)
    found = driven(bench, kept, resumed(kept, skipping, bench.slo))
    made = {record.result.spec.phase for record, _ in found.records}
    assert Phase.IDLE in made
    assert not made & {Phase.OUTAGE, Phase.DIRECT}
    with pytest.raises(RunUnusable, match="skip was"):
        resumed(kept, begun, bench.slo)


def _fields(begun: Begun) -> dict[str, Any]:
    return {name: getattr(begun, name) for name in begun.__struct_fields__}

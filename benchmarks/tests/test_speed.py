"""The figures beside the edge: what each comes from, and what is said without it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from capacity import document as doc
from capacity.conclude import Facts, Seen, model_of, points_of, storage_of
from capacity.judge_trial import Judgement, Outcome, Reason
from capacity.kept import Cold, Direct, Record
from capacity.names import ADMIN, DATABASE, ENRICHMENT, INGESTION
from capacity.speed import speed_of
from capacity.trial import (
    Generator,
    Phase,
    Quantiles,
    Resources,
    Stage,
    TrialResult,
    TrialSpec,
)

PASS = Judgement(outcome=Outcome.PASS)
INVALID = Judgement(outcome=Outcome.INVALID, reasons=(Reason.STEAL,))
FACTS = Facts(
    series=5,
    stored_bytes=None,
    stored_points=0,
    retention_days=365.0,
    spool_limit=1,
)


def seen(
    phase: Phase,
    *,
    cpu: dict[str, float] | None = None,
    p99: float = 0.04,
    judgement: Judgement = PASS,
    memory: int = 50_000_000,
    spec: dict[str, Any] | None = None,
    **record: Any,
) -> Seen:
    """Return a trial of 10 s at 1,000/s; `cpu` are seconds by container."""
    kinds: dict[str, Any] = {"rate": 1_000.0, "settle": 1.0, "window": 10.0}
    one = TrialSpec(id=1, phase=phase, drain=60.0, **{**kinds, **(spec or {})})
    result = TrialResult(
        spec=one,
        elapsed=12.0,
        achieved=one.rate,
        generator=Generator(lag_p50=0.0, lag_p99=0.0, cpu_share=0.0),
        latency={
            Stage.TOTAL: Quantiles(
                mean=p99, p50=p99, p90=p99, p99=p99, p999=p99, max=p99
            )
        },
        resources={
            name: Resources(cpu=used, memory_peak=memory)
            for name, used in (cpu or {}).items()
        },
    )
    return Seen(
        record=Record(result=result, started=0.0, **record), judgement=judgement
    )


def figures(*trials: Seen, entry: str = "fake_ha") -> dict[str, doc.SpeedFigure]:
    """Return the figures by name; a soak among the trials held the sustained rate."""
    named = {f"T{number}": one for number, one in enumerate(trials)}
    held = [n for n, s in named.items() if s.result.spec.phase is Phase.SUSTAINED]
    found = speed_of(named, trials, held=held[-1] if held else None, entry=entry)
    return {figure.name: figure for figure in found.figures}


SOAK = seen(
    Phase.SUSTAINED,
    cpu={INGESTION: 1.2, ENRICHMENT: 1.8, DATABASE: 4.0},
    spec={"rate": 10_000.0},
)
DIRECT = seen(
    Phase.DIRECT,
    spec={"rate": 0.0},
    direct=Direct(
        lines=400_000,
        settled=80_000,
        size=100_000_000,
        seconds=10.0,
        batch=5_000,
        cpu=0.5,
    ),
)
SUSTAINED = "sustained, simulator to InfluxDB"
RATIO = "sustained / direct writes"
EMITTED = "stored / what Home Assistant emits"
CPU = "CPU per event, ingestion + enrichment"
LOW = "p99 of event to stored at 300 events/s"
IDLE_CPU = "idle CPU of the three services"
IDLE_MEMORY = "idle memory of the three services"
OURS = "CPU per event by entities, ingestion + enrichment"
ENTITIES = "CPU per event by entities, with InfluxDB"
AGE = "CPU per event by age of data, with InfluxDB"


def test_the_sustained_rate_is_held_against_direct_writes() -> None:
    """10,000 of 40,000 lines/s is a quarter, and a quarter is not enough."""
    found = figures(SOAK, DIRECT)

    assert found[RATIO].value == pytest.approx(0.25)
    assert found[RATIO].holds is False
    assert "40,000 lines/s" in found[RATIO].how
    assert "not compressed" in found[RATIO].how
    assert found[SUSTAINED].value == 10_000
    assert found[SUSTAINED].holds is False


@pytest.mark.parametrize(
    ("emitted", "stored", "asked", "wanted"),
    [
        ((2_000.0,), (1_900.0,), 3_800.0, (0.95, True)),
        ((3_000.0,), (1_900.0,), 3_800.0, (1_900 / 3_000, False)),
        ((3_780.0,), (1_900.0,), 3_800.0, (1_900 / 3_780, False)),
        ((1_990.0,), (1_900.0,), 2_000.0, (None, None)),
        (None, None, 3_800.0, (None, None)),
        ((2_000.0,), None, 3_800.0, (None, None)),
        ((0.0,), (0.0,), 3_800.0, (None, None)),
        ((2_000.0,), (0.0,), 3_800.0, (0.0, False)),
        ((645.0,), (1_550.0,), 700.0, (None, None)),
        ((500.0,), (510.0,), 700.0, (1.02, True)),
        ((800.0, 1_200.0), (700.0, 1_200.0), 3_800.0, (0.95, True)),
        ((1_200.0, 800.0), (900.0, 850.0), 3_800.0, (0.875, False)),
    ],
)
def test_what_is_stored_is_held_against_what_the_source_emits(
    emitted: tuple[float, ...] | None,
    stored: tuple[float, ...] | None,
    asked: float,
    wanted: tuple[float | None, bool | None],
) -> None:
    """A source that sent all it was asked for could send more: only a miss is sure.

    More than was asked for is not of the load alone. Turns count by their mean.
    """
    trial = seen(Phase.EMIT, emitted=emitted, passed_on=stored, spec={"rate": asked})
    found = figures(trial, entry="real_ha")[EMITTED]

    assert (found.value, found.holds) == wanted
    assert figures(trial)[EMITTED].value is None


def test_turns_that_broke_off_give_no_share() -> None:
    """What was measured until then is one turn of each, or not even that."""
    trial = seen(
        Phase.EMIT,
        emitted=(2_000.0,),
        passed_on=(1_900.0,),
        problems=["GET /v1/stats: no answer"],
        spec={"rate": 3_800.0},
    )
    found = figures(trial, entry="real_ha")[EMITTED]

    assert found.value is None
    assert found.how == "not measured: GET /v1/stats: no answer"


def test_each_turn_is_told() -> None:
    """The reader sees how far turns of the same kind lie apart."""
    trial = seen(
        Phase.EMIT,
        emitted=(1_019.0, 1_074.0),
        passed_on=(830.0, 1_142.0),
        spec={"rate": 3_800.0},
    )

    assert "830, 1,140 and 1,020, 1,070 in turns of 10 s" in (
        figures(trial, entry="real_ha")[EMITTED].how
    )


def test_cpu_an_event_is_that_of_two_containers() -> None:
    """3 s over 100,000 events are 30 µs."""
    found = figures(SOAK)[CPU]

    assert found.value == pytest.approx(30.0)
    assert found.holds is True
    assert (found.target, found.aim) == (40.0, 22.0)


def test_low_rate_is_judged_by_its_p99() -> None:
    """A trial that fails the objective has a p99 all the same."""
    failed = Judgement(outcome=Outcome.FAIL, reasons=(Reason.ATTAINMENT,))

    assert figures(seen(Phase.LOW))[LOW].value == pytest.approx(40.0)
    late = figures(seen(Phase.LOW, p99=2.0, judgement=failed))[LOW]
    assert late.value == pytest.approx(2_000.0)
    assert late.holds is False


def test_idle_is_the_three_services() -> None:
    """The database and the source are not of them."""
    used = {INGESTION: 0.3, ENRICHMENT: 0.1, ADMIN: 0.1, DATABASE: 9.0}
    idle = seen(Phase.IDLE, cpu=used, looked=30.0, spec={"rate": 0.0})
    found = figures(idle)

    assert found[IDLE_CPU].value == pytest.approx(100 * 0.5 / 30.0)
    assert found[IDLE_CPU].holds is True
    assert found[IDLE_MEMORY].value == pytest.approx(150.0)


def test_idle_without_one_of_them_is_no_figure() -> None:
    """Two of three are not the three."""
    idle = seen(Phase.IDLE, cpu={INGESTION: 0.3, ADMIN: 0.1}, looked=30.0)

    assert figures(idle)[IDLE_CPU].value is None


def steps(costs: tuple[float, ...], **changes: Any) -> list[Seen]:
    """Return trials with 1,000, 10,000 ... entities at these CPU seconds."""
    return [
        seen(
            Phase.CARDINALITY,
            cpu={INGESTION: cost, ENRICHMENT: 0.0, DATABASE: 1.0, "home-assistant": 9},
            spec={"entities": 10 ** (3 + place)},
            series=10 ** (3 + place),
            **changes,
        )
        for place, cost in enumerate(costs)
    ]


def test_growth_is_of_the_dearest_step() -> None:
    """1.3 s to 1.1 s of the stack's own CPU; the source is not of it.

    The services alone cost up to three times as much.
    """
    all_of_them = figures(*steps((0.1, 0.3, 0.2)))
    found = all_of_them[ENTITIES]

    assert all_of_them[OURS].value == pytest.approx(3.0)
    assert found.value == pytest.approx(1.3 / 1.1)
    assert found.holds is True
    assert "100,000 entities 120 µs" in found.how


def test_two_of_three_steps_are_no_growth() -> None:
    """What had no place, or did not pass, is not guessed."""
    short = figures(*steps((0.1, 0.3)))[ENTITIES]
    spoilt = figures(*steps((0.1, 0.3, 0.2), judgement=INVALID))[ENTITIES]

    assert short.value is None
    assert short.how == "not measured: 2 steps of 3 had a place"
    assert spoilt.how.endswith("none to compare: steal")


def test_a_step_made_again_counts_once() -> None:
    """An invalid try and its repetition are one step."""
    first = steps((0.1,), judgement=INVALID)

    assert figures(*first, *steps((0.1, 0.2, 0.3)))[ENTITIES].value is not None


def test_a_step_made_twice_costs_what_both_cost() -> None:
    """A host that slows down with time does so for each step alike."""
    there = steps((0.1, 0.2, 0.3))
    back = steps((0.7, 0.6, 0.5))
    found = figures(*there, *reversed(back))[ENTITIES]

    assert found.value == pytest.approx(1.0)
    assert "10,000 entities 140 µs (2 trials)" in found.how


def test_of_a_step_made_twice_one_trial_is_enough() -> None:
    """What is not valid does not count, nor what began while data were compacted."""
    there = steps((0.1, 0.3, 0.2))
    back = steps((9.0, 9.0, 9.0), judgement=INVALID)
    late = steps((9.0, 9.0, 9.0), problems=["it still compacted"])

    assert figures(*there, *back, *late)[ENTITIES] == figures(*there)[ENTITIES]


def test_a_step_with_one_good_trial_is_not_what_is_missing() -> None:
    """What lacks is a step that had no place."""
    spoilt = steps((9.0,), judgement=INVALID)
    found = figures(*steps((0.1, 0.3)), *spoilt)[ENTITIES]

    assert found.how == "not measured: 2 steps of 3 had a place"


def ages(**changes: Any) -> list[Seen]:
    """Return a trial after an hour of the past, and one after a day."""
    return [
        seen(
            Phase.AGE,
            cpu={INGESTION: cost, ENRICHMENT: 1.0, DATABASE: 1.0},
            spec={"past_hours": hours, "past_rate": 10.0},
            past=round(36_000 * hours),
            **changes,
        )
        for hours, cost in ((1.0, 1.0), (24.0, 1.9))
    ]


def test_age_compares_an_hour_with_a_day() -> None:
    """30 % more is not within 20 %."""
    found = figures(*ages())[AGE]

    assert found.value == pytest.approx(1.3)
    assert found.holds is False
    assert "24 h (864,000 points" in found.how


def test_age_with_a_reservation_is_no_figure() -> None:
    """A database that compacts what was filled in costs more for another reason."""
    found = figures(*ages(problems=["it still compacted"]))[AGE]

    assert found.value is None
    assert "it still compacted" in found.how


def test_nothing_measured_is_said_of_each() -> None:
    """No figure is made up."""
    found = figures()

    assert len(found) == 11
    assert all(figure.value is None for figure in found.values())
    assert all(figure.holds is None for figure in found.values())
    assert "had no place" in found[LOW].how


def test_what_went_wrong_is_told() -> None:
    """Why the direct writes gave no figure."""
    wrong = seen(Phase.DIRECT, spec={"rate": 0.0}, problems=["HTTP 401"])

    assert figures(SOAK, wrong)[RATIO].how == "not measured: HTTP 401"


def test_direct_writes_on_a_disturbed_host_are_no_measure() -> None:
    """A database that was slowed down would make the stack look fast."""
    disturbed = Seen(record=DIRECT.record, judgement=INVALID)

    assert figures(SOAK, disturbed)[RATIO].value is None
    assert figures(SOAK, disturbed)[RATIO].how == "not measured: steal"


def test_another_source_is_not_the_simulator() -> None:
    """What a real Home Assistant sends says nothing of the stack's most."""
    found = figures(SOAK, DIRECT, entry="real_ha")

    for name in (SUSTAINED, RATIO, CPU):
        assert found[name].value is None
        assert "the simulator is not the source" in found[name].how


def test_a_figure_cannot_claim_what_it_does_not_hold() -> None:
    """The document refuses it."""
    good = figures(SOAK)[CPU]
    with pytest.raises(ValueError, match="does not hold"):
        doc.SpeedFigure(
            **{name: getattr(good, name) for name in good.__struct_fields__}
            | {"holds": False}
        )


def test_memory_by_series_is_fitted(made_up: Any) -> None:
    """A peak of 20 MB and 2,000 bytes a series, over three steps; two tell nothing."""
    environment = made_up().environment
    made = [
        replace(
            one,
            record=msgspec.structs.replace(
                one.record,
                result=replace(
                    one.result,
                    resources={
                        DATABASE: Resources(
                            cpu=1.0,
                            memory_peak=20_000_000 + 2_000 * (one.record.series or 0),
                        )
                    },
                ),
            ),
        )
        for one in steps((0.1, 0.2, 0.3))
    ]

    def memory(trials: list[Seen]) -> doc.Memory:
        return model_of(trials, [], None, environment, FACTS).memory[0]

    found = memory(made)
    assert found.per_series == pytest.approx(2_000.0)
    assert found.base == pytest.approx(20_000_000, rel=1e-6)
    assert found.max_series == 100_000
    assert memory(made[:2]).per_series is None


def test_cold_bytes_go_into_the_forecast(made_up: Any) -> None:
    """The data of a year are cold; the run's own stay the hot ones."""
    environment = made_up().environment
    run = replace(FACTS, stored_bytes=1_200_000, stored_points=20_000)
    cold = Cold(points=1_000_000, hot=50_000_000, cold=20_000_000, seconds=90.0)
    hot = storage_of(environment, run, rate=100.0)
    both = storage_of(environment, run, rate=100.0, cold=cold)
    alone = storage_of(environment, FACTS, rate=100.0, cold=cold)
    assert hot is not None
    assert both is not None
    assert alone is not None

    assert hot.bytes_per_point == doc.BytesPerPoint(hot=60.0, cold=60.0)
    assert both.bytes_per_point == doc.BytesPerPoint(hot=60.0, cold=20.0)
    assert alone.bytes_per_point == doc.BytesPerPoint(hot=50.0, cold=20.0)
    assert "1,000,000 points of past days" in both.method
    assert both.plateau_bytes is not None
    assert hot.plateau_bytes is not None
    assert both.plateau_bytes < 0.4 * hot.plateau_bytes
    assert storage_of(environment, FACTS, rate=100.0) is None


def test_lines_past_the_services_are_points_too() -> None:
    """They lie on the same disk, so they divide its bytes."""
    assert points_of([seen(Phase.AGE, past=36_000), seen(Phase.DIRECT, past=4)]) == (
        36_004
    )

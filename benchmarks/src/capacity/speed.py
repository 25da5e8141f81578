"""The figures beside the edge, against their targets. Pure.

A figure that was not measured has no value; why, stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Final

from . import document as doc
from .conclude import Seen
from .document.speed import holds
from .names import ADMIN, DATABASE, ENRICHMENT, INGESTION
from .report.words import duration, number, plural, rate
from .trial import Phase, Stage

__all__ = ["speed_of"]

SERVICES: Final = (INGESTION, ENRICHMENT, ADMIN)
_GROWING: Final = {
    "ingestion + enrichment": (INGESTION, ENRICHMENT),
    "with InfluxDB": (INGESTION, ENRICHMENT, DATABASE),
}
"""Where an event passes; the source is not of the stack."""
LEAST_SUSTAINED: Final = 15_000.0
LEAST_OF_DIRECT, AIM_OF_DIRECT = 0.3, 0.6
LEAST_OF_EMITTED: Final = 0.9
_NOT_SIMULATED: Final = "not measured: the simulator is not the source of this run"
_ALL: Final = 0.97
MOST_CPU_US, AIM_CPU_US = 40.0, 22.0
MOST_LOW_MS, AIM_LOW_MS = 150.0, 50.0
MOST_IDLE_PERCENT: Final = 2.0
MOST_IDLE_MB: Final = 200.0
MOST_GROWTH: Final = 1.2
"""Of the dearest step to the cheapest: less than 20 % more."""

Named = Mapping[str, Seen]


def speed_of(
    named: Named,
    seen: Sequence[Seen],
    *,
    held: str | None,
    entry: str,
) -> doc.Speed:
    """Return all figures.

    Args:
        named: the trials by the names that the report gives them.
        seen: all trials.
        held: the name of the trial that held the sustained rate.
        entry: where the events come from, as the document names it.
    """
    soak = named[held] if held else None
    idle, direct = _last(seen, Phase.IDLE), _last(seen, Phase.DIRECT)
    low = _last(seen, Phase.LOW)
    steps = _steps(named, Phase.CARDINALITY)
    ages = _steps(named, Phase.AGE)
    return doc.Speed(
        figures=(
            _sustained(soak, entry),
            _of_direct(soak, direct, entry),
            _of_emission(_last(seen, Phase.EMIT), entry),
            _cpu(soak, entry),
            _low(low),
            *_idle(idle),
            *_growth(
                "by entities",
                steps,
                _entities_text,
                wanted=3,
            ),
            *_growth(
                "by age of data",
                ages,
                _age_text,
                wanted=2,
            ),
        ),
        idle=_idle_rows(idle),
        direct=_direct(direct),
        entities=tuple(
            doc.EntityStep(
                trial=name,
                entities=s.result.spec.entities or 0,
                series=s.record.series,
                cpu_s_per_event=_costs(s),
                mem_peak={n: r.memory_peak for n, r in s.result.resources.items()},
            )
            for step in steps
            for name, s in step.items()
            if s.passed
        ),
        age=tuple(
            doc.Age(
                trial=name,
                past_hours=s.result.spec.past_hours,
                past_points=s.record.past,
                cpu_s_per_event=_costs(s),
            )
            for step in ages
            for name, s in step.items()
            if s.passed and s.record.past
        ),
    )


# ------------------------------------------------------------------------- figures


def _sustained(soak: Seen | None, entry: str) -> doc.SpeedFigure:
    value, how = None, "no rate was sustained"
    if entry != doc.Entry.FAKE_HA:
        how = _NOT_SIMULATED
    elif soak:
        value, how = soak.result.spec.rate, _soaked(soak)
    return _figure(
        "sustained, simulator to InfluxDB",
        value,
        "events/s",
        at_least=LEAST_SUSTAINED,
        how=how,
    )


def _of_direct(soak: Seen | None, direct: Seen | None, entry: str) -> doc.SpeedFigure:
    value, how = None, _why(direct, "direct writes")
    written = direct.record.direct if direct and direct.valid else None
    if entry != doc.Entry.FAKE_HA:
        how = _NOT_SIMULATED
    elif written and not soak:
        how = "no rate was sustained"
    elif written and soak:
        speed = written.lines / written.seconds
        value = soak.result.spec.rate / speed
        how = (
            f"{rate(soak.result.spec.rate)} of {number(speed)} lines/s that one "
            f"connection wrote into the same InfluxDB in {duration(written.seconds)}, "
            f"in batches of {written.batch:,} lines of the same kind, not compressed, "
            "as the services send them"
        )
    return _figure(
        "sustained / direct writes",
        value,
        "of direct",
        at_least=LEAST_OF_DIRECT,
        aim=AIM_OF_DIRECT,
        how=how,
    )


def _of_emission(emit: Seen | None, entry: str) -> doc.SpeedFigure:
    """Hold what the stack stored against what Home Assistant sent to a reader alone.

    Both were asked for the same in turns, more than it can. Where a reader got all of
    it, more is possible: then the share is at most what it seems, and only a miss is
    certain.
    """
    value, how = None, _why(emit, "Home Assistant alone")
    whole = emit is not None and emit.valid and not emit.record.problems
    alone = emit.record.emitted if emit and whole else None
    through = emit.record.passed_on if emit and whole else None
    if entry != doc.Entry.REAL_HA:
        how = "not measured: the simulator was the source, not a real Home Assistant"
    elif emit and alone and any(alone) and through:
        asked = emit.result.spec.rate
        emitted, stored = fmean(alone), fmean(through)
        value = stored / emitted
        how = f"{rate(stored)} stored of {rate(emitted)} that one reader with "
        how += "coalesced messages got without the stack; "
        how += f"{_turns(through)} and {_turns(alone)} in turns of "
        how += f"{duration(emit.result.spec.window)} while "
        how += f"{rate(asked)} were asked for"
        if stored > asked / _ALL:
            how += ": more than that was stored, so something else came through as well"
            value = None
        elif emitted >= _ALL * asked:
            how += ", all that was asked for: a share of at most this"
            value = value if value < LEAST_OF_EMITTED else None
    return _figure(
        "stored / what Home Assistant emits",
        value,
        "of emitted",
        at_least=LEAST_OF_EMITTED,
        how=how,
    )


def _turns(rates: Sequence[float]) -> str:
    return ", ".join(number(one) for one in rates)


def _cpu(soak: Seen | None, entry: str) -> doc.SpeedFigure:
    value, how = None, "no rate was sustained"
    if entry != doc.Entry.FAKE_HA:
        how = _NOT_SIMULATED
    elif soak:
        costs = _costs(soak)
        how = "the containers' CPU was not seen"
        if INGESTION in costs and ENRICHMENT in costs:
            value = 1e6 * (costs[INGESTION] + costs[ENRICHMENT])
            how = (
                f"CPU of both containers over the events of the window, idle included: "
                f"{number(1e6 * costs[INGESTION])} + "
                f"{number(1e6 * costs[ENRICHMENT])}; {_soaked(soak)}"
            )
    return _figure(
        "CPU per event, ingestion + enrichment",
        value,
        "µs",
        at_most=MOST_CPU_US,
        aim=AIM_CPU_US,
        how=how,
    )


def _low(low: Seen | None) -> doc.SpeedFigure:
    value, how = None, _why(low, "the low rate")
    total = low.result.latency.get(Stage.TOTAL) if low and low.valid else None
    if low and total:
        spec = low.result.spec
        value = 1000 * total.p99
        how = f"{duration(spec.window)} at {rate(spec.rate)}, from the intended time on"
    return _figure(
        "p99 of event to stored at 300 events/s",
        value,
        "ms",
        at_most=MOST_LOW_MS,
        aim=AIM_LOW_MS,
        how=how,
    )


def _idle(idle: Seen | None) -> Iterator[doc.SpeedFigure]:
    rows = _idle_rows(idle)
    cpu = memory = None
    how = _why(idle, "the idle stack")
    if idle and all(name in rows for name in SERVICES):
        cpu = 100 * sum(rows[name].cpu_cores for name in SERVICES)
        memory = sum(rows[name].mem_peak for name in SERVICES) / 1e6
        how = (
            f"{', '.join(SERVICES)} over {duration(idle.record.looked)} without load, "
            "after the trials, health checks included; by the control groups"
        )
    yield _figure(
        "idle CPU of the three services",
        cpu,
        "% of a core",
        at_most=MOST_IDLE_PERCENT,
        how=how,
    )
    yield _figure(
        "idle memory of the three services",
        memory,
        "MB",
        at_most=MOST_IDLE_MB,
        how=how,
    )


def _growth(
    name: str,
    steps: Sequence[Named],
    told: Callable[[Seen], str],
    *,
    wanted: int,
) -> Iterator[doc.SpeedFigure]:
    """Yield the growth of the services' cost, and of the whole path's with it.

    A step that was made twice costs what both together cost.
    """
    usable = [[s for s in step.values() if _usable(s)] for step in steps]
    good = [step for step in usable if step]
    for whose, containers in _GROWING.items():
        costs = [
            fmean(sum(_costs(s).get(c, 0.0) for c in containers) for s in step)
            for step in good
        ]
        value, how = None, _missing(steps, wanted)
        if len(costs) == wanted and min(costs) > 0:
            value = max(costs) / min(costs)
            how = f"dearest to cheapest, at {rate(good[0][0].result.spec.rate)}: "
            how += "; ".join(
                f"{told(step[0])} {number(1e6 * cost)} µs"
                + (f" ({plural(len(step), 'trial')})" if len(step) > 1 else "")
                for step, cost in zip(good, costs, strict=True)
            )
        yield _figure(
            f"CPU per event {name}, {whose}",
            value,
            "times",
            at_most=MOST_GROWTH,
            how=how,
        )


def _figure(
    name: str,
    value: float | None,
    unit: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    aim: float | None = None,
    how: str,
) -> doc.SpeedFigure:
    sense = doc.Sense.AT_MOST if at_least is None else doc.Sense.AT_LEAST
    target = at_least if at_least is not None else at_most or 1.0
    return doc.SpeedFigure(
        name=name,
        value=value,
        unit=unit,
        sense=sense,
        target=target,
        aim=aim,
        holds=holds(value, sense, target),
        how=how,
    )


# --------------------------------------------------------------------------- parts


def _idle_rows(idle: Seen | None) -> dict[str, doc.Idle]:
    if idle is None or not idle.valid or not idle.record.looked:
        return {}
    return {
        name: doc.Idle(
            cpu_cores=max(0.0, used.cpu) / idle.record.looked,
            mem_peak=used.memory_peak,
        )
        for name, used in idle.result.resources.items()
    }


def _direct(direct: Seen | None) -> doc.Direct | None:
    found = direct.record.direct if direct and direct.valid else None
    if found is None or found.seconds <= 0 or not found.lines:
        return None
    return doc.Direct(
        lines_per_s=found.lines / found.seconds,
        lines=found.lines,
        seconds=found.seconds,
        batch_lines=found.batch,
        line_bytes=found.size / found.lines,
        compressed=False,
        client_cores=found.cpu / found.seconds,
    )


def _costs(s: Seen) -> dict[str, float]:
    """Return the CPU seconds of one event in each container, idle cost included."""
    events = s.result.window_events
    if events <= 0:
        return {}
    return {n: max(0.0, r.cpu) / events for n, r in s.result.resources.items()}


def _last(seen: Sequence[Seen], phase: Phase) -> Seen | None:
    found = [s for s in seen if s.result.spec.phase is phase]
    return found[-1] if found else None


def _steps(named: Named, phase: Phase) -> list[dict[str, Seen]]:
    """Return the trials of each step of a phase, by their names."""
    steps: dict[tuple[int | None, float], dict[str, Seen]] = {}
    for name, s in named.items():
        spec = s.result.spec
        if spec.phase is phase:
            steps.setdefault((spec.entities, spec.past_hours), {})[name] = s
    return list(steps.values())


def _usable(s: Seen) -> bool:
    return s.passed and not s.record.problems


def _why(s: Seen | None, what: str) -> str:
    """Return why a figure is missing."""
    if s is None:
        return f"not measured: {what} had no place in this run"
    if s.record.problems:
        return f"not measured: {'; '.join(s.record.problems)}"
    if s.judgement.reasons:
        return f"not measured: {_reasons(s)}"
    return f"not measured: {what} gave no figure"


def _missing(steps: Sequence[Named], wanted: int) -> str:
    for step in steps:
        if not any(map(_usable, step.values())):
            *_, s = step.values()
            why = "; ".join(s.record.problems) or _reasons(s)
            return f"not measured: one of {wanted} steps has none to compare: {why}"
    return f"not measured: {plural(len(steps), 'step')} of {wanted} had a place"


def _reasons(s: Seen) -> str:
    return ", ".join(reason.replace("_", " ") for reason in s.judgement.reasons)


def _soaked(soak: Seen) -> str:
    spec = soak.result.spec
    total = soak.result.latency.get(Stage.TOTAL)
    told = f", p99 {number(1000 * total.p99)} ms" if total else ""
    return f"{duration(spec.window)} at {rate(spec.rate)}{told}"


def _entities_text(s: Seen) -> str:
    return f"{s.result.spec.entities or 0:,} entities"


def _age_text(s: Seen) -> str:
    spec = s.result.spec
    return f"{number(spec.past_hours)} h ({s.record.past:,} points beside the run's)"

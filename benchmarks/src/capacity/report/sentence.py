"""The verdict as one sentence, and where each of its numbers comes from (pure).

The sentence follows from the document alone. A number in it is a `Figure`, which
carries its label: measured, extrapolated or assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from ..document import (
    Bottleneck,
    Confidence,
    Edge,
    Entry,
    Figure,
    Label,
    Outcome,
    Profile,
    Report,
    Resource,
    Stage,
    Standing,
    Status,
    StopReason,
    Storage,
)
from .words import days_text, duration, milliseconds, number, plural, rate, rate_range

__all__ = ["Piece", "completed", "limit_name", "pieces", "sentence"]

# What ends a search before anything failed.
_AT_LEAST = frozenset(
    {
        StopReason.GENERATOR_LIMITED,
        StopReason.MAX_RATE,
        StopReason.TIME_BUDGET,
        StopReason.INTERRUPTED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of the sentence; with a figure it is that figure's text."""

    text: str
    figure: Figure | None = None


def completed(report: Report) -> Report:
    """Return the document with the sentence and the figures that follow from it."""
    told = pieces(report)
    verdict = msgspec.structs.replace(
        report.verdict,
        sentence="".join(piece.text for piece in told),
        figures=tuple(piece.figure for piece in told if piece.figure is not None),
    )
    return msgspec.structs.replace(report, verdict=verdict)


def sentence(report: Report) -> str:
    """Return the verdict as plain text."""
    return "".join(piece.text for piece in pieces(report))


def pieces(report: Report) -> tuple[Piece, ...]:
    """Return the verdict in pieces, so that a page can label each number."""
    return tuple(_told(report))


def _told(report: Report) -> Iterator[Piece]:
    verdict = report.verdict
    match verdict.status:
        case Status.INVALID:
            yield from _invalid(report)
            return
        case Status.FAIL:
            yield from _failed(report)
            return
        case Status.PASS | Status.INCONCLUSIVE:
            pass
    if verdict.sustained_eps is None and verdict.edge is None:
        yield from _nothing(report)
        return
    if verdict.sustained_eps is None:
        yield from _edge_only(report)
    else:
        yield from _sustained(report)
    yield from _limit(report)
    yield from _outage(report)
    yield from _disk(report)
    yield Piece(text=".")
    yield from _reservations(report)


def _invalid(report: Report) -> Iterator[Piece]:
    yield Piece(text="No capacity can be stated, because the run is not valid: ")
    yield Piece(text=f"{_why_invalid(report)}.")


def _why_invalid(report: Report) -> str:
    bad = [check for check in report.validity if check.standing is Standing.BAD]
    if bad:
        first = f"{bad[0].name} was {bad[0].value}, allowed is {bad[0].limit}"
        more = len(bad) - 1
        return f"{first}, and {plural(more, 'other check')} failed" if more else first
    reasons = _reasons(report, Outcome.INVALID)
    return reasons or _STOPPED[report.verdict.stop_reason]


def _failed(report: Report) -> Iterator[Piece]:
    rates = [t.target_eps for t in report.stack_trials if t.outcome is Outcome.FAIL]
    if rates:
        yield Piece(text="This machine does not hold even ")
        yield Piece(
            text=rate(min(rates)),
            figure=Figure(
                name="smallest rate tried",
                text=rate(min(rates)),
                label=Label.MEASURED,
                because="each trial at it failed",
            ),
        )
        yield from _objective(report)
    else:
        yield Piece(text="This machine does not hold the smallest rate")
    yield Piece(text=f": {_reasons(report, Outcome.FAIL) or 'no reason was noted'}.")


def _reasons(report: Report, outcome: Outcome) -> str:
    """Return why trials ended so, the reasons of the smallest rate."""
    ended = [t for t in report.stack_trials if t.outcome is outcome]
    if not ended:
        return ""
    worst = min(ended, key=lambda trial: trial.target_eps)
    return ", ".join(reason.replace("_", " ") for reason in worst.reasons)


def _nothing(report: Report) -> Iterator[Piece]:
    stopped = _STOPPED[report.verdict.stop_reason]
    count = plural(len(report.stack_trials), "trial")
    yield Piece(text=f"No capacity was found: {stopped} after {count}")
    passed = [t for t in report.rate_trials if t.outcome is Outcome.PASS]
    if passed:
        best = max(passed, key=lambda trial: trial.target_eps)
        text = rate(best.target_eps)
        yield Piece(text="; the highest rate that passed is ")
        yield Piece(
            text=text,
            figure=Figure(
                name="highest rate that passed",
                text=text,
                label=Label.MEASURED,
                because=f"trial {best.id}, {duration(best.window_s)}, not confirmed",
            ),
        )
    yield Piece(text=".")


def _edge_only(report: Report) -> Iterator[Piece]:
    edge = report.verdict.edge
    if edge is None:
        return
    if report.verdict.stop_reason is StopReason.UNSTABLE:
        yield Piece(
            text="No single capacity: the same rates passed and failed between "
        )
        yield _edge_piece(edge)
    elif edge.upper is None:
        yield Piece(text="This machine carried at least ")
        yield _lower_piece(edge)
        yield from _objective(report)
        yield Piece(text=f", and the edge was not reached: {_stopped(report)}")
    else:
        yield Piece(text="The edge of this machine is ")
        yield _edge_piece(edge)
        yield from _objective(report)
    yield Piece(text="; a sustained rate was not verified")


def _sustained(report: Report) -> Iterator[Piece]:
    verdict = report.verdict
    at_least = "at least " * (
        verdict.stop_reason in _AT_LEAST
        and (verdict.edge is None or verdict.edge.upper is None)
    )
    text = rate(verdict.sustained_eps or 0.0)
    yield Piece(text=f"This machine sustains {at_least}")
    yield Piece(text=text, figure=_sustained_figure(report, text))
    yield from _objective(report)
    if verdict.edge is None:
        return
    yield Piece(text="; edge ")
    if verdict.edge.upper is None:
        yield Piece(text="above ")
        yield _lower_piece(verdict.edge)
        yield Piece(text=f" ({_stopped(report)})")
    else:
        yield _edge_piece(verdict.edge)
        if verdict.stop_reason is StopReason.UNSTABLE:
            yield Piece(text=" (the same rates passed and failed)")
        elif not verdict.edge.confirmed:
            yield Piece(text=f" (not confirmed: {_stopped(report)})")


def _sustained_figure(report: Report, text: str) -> Figure:
    trial = report.sustained
    if trial is None or trial.outcome is not Outcome.PASS:
        return Figure(
            name="sustained rate",
            text=text,
            label=Label.EXTRAPOLATED,
            because="derated from the edge; no soak was run at it",
        )
    return Figure(
        name="sustained rate",
        text=text,
        label=Label.MEASURED,
        because=f"trial {trial.id} held it for {duration(trial.window_s)}",
    )


def _objective(report: Report) -> Iterator[Piece]:
    limit = milliseconds(report.slo.limit_ms)
    share = f"p{number(100 * report.slo.p, 4)}"
    source = " from a real Home Assistant" * (report.workload.entry is Entry.REAL_HA)
    yield Piece(text=f"{source} at {share} \N{LESS-THAN OR EQUAL TO} ")
    trial = report.sustained
    stored = None if trial is None else trial.latency.get(Stage.TOTAL)
    because = "the limit chosen for this run"
    if stored is not None and share == "p99":
        because += f"; measured {milliseconds(stored.p99)} at the sustained rate"
    yield Piece(
        text=limit,
        figure=Figure(
            name=f"{share} limit", text=limit, label=Label.ASSUMED, because=because
        ),
    )


def _edge_piece(edge: Edge) -> Piece:
    if edge.upper is None:
        return _lower_piece(edge)
    text = rate_range(edge.lower, edge.upper)
    sure = "long trials agreed at both ends" if edge.confirmed else "single trials"
    return Piece(
        text=text,
        figure=Figure(name="edge", text=text, label=Label.MEASURED, because=sure),
    )


def _lower_piece(edge: Edge) -> Piece:
    text = rate(edge.lower)
    return Piece(
        text=text,
        figure=Figure(
            name="edge, lower end",
            text=text,
            label=Label.MEASURED,
            because="the highest rate that passed; none above it failed",
        ),
    )


def _limit(report: Report) -> Iterator[Piece]:
    found = report.model.bottleneck
    if report.verdict.stop_reason is StopReason.GENERATOR_LIMITED:
        yield Piece(text="; first limit: the load generator, not the stack")
        return
    if found is None:
        yield Piece(text="; first limit: unknown")
        return
    if found.resource is Resource.UNKNOWN:
        yield Piece(text="; first limit: not explained by CPU")
        return
    match found.confidence:
        case Confidence.HIGH:
            label, sure = Label.MEASURED, "its demand and what was seen agree"
        case Confidence.MEDIUM:
            label, sure = Label.EXTRAPOLATED, "its demand or what was seen names it"
        case Confidence.LOW:
            label, sure = Label.ASSUMED, "what was seen also points elsewhere"
            yield Piece(text="; first limit, perhaps: ")
    if found.confidence is not Confidence.LOW:
        yield Piece(text="; first limit: ")
    text = limit_name(found)
    yield Piece(
        text=text,
        figure=Figure(
            name="first limit",
            text=text,
            label=label,
            because="; ".join((sure, *found.evidence)),
        ),
    )


def limit_name(found: Bottleneck) -> str:
    """Return "influxdb CPU"."""
    return f"{found.name} {_RESOURCES[found.resource]}".strip()


def _outage(report: Report) -> Iterator[Piece]:
    found = report.resilience
    if found is None:
        return
    longest = duration(found.max_outage_s)
    yield Piece(text="; survives an outage of ")
    yield Piece(
        text=longest,
        figure=Figure(
            name="longest outage",
            text=longest,
            label=Label.EXTRAPOLATED,
            because=f"buffer divided by rate; {duration(found.outage_s)} were tried, "
            f"{found.lost:,} events lost",
        ),
    )
    yield from _drain(report, tried_s=found.outage_s)


def _drain(report: Report, *, tried_s: float) -> Iterator[Piece]:
    found = report.resilience
    if found is None:
        return
    if found.drain_s.measured is not None:
        text, label = duration(found.drain_s.measured), Label.MEASURED
        because = f"after the outage of {duration(tried_s)} that was tried"
    elif found.drain_s.predicted is not None:
        text, label = duration(found.drain_s.predicted), Label.EXTRAPOLATED
        because = f"backlog of {duration(tried_s)} divided by the spare rate"
    else:
        yield Piece(text=", and did not drain while it was watched")
        return
    tried = duration(tried_s)
    yield Piece(text=" and drains one of ")
    yield Piece(
        text=tried,
        figure=Figure(
            name="outage tried",
            text=tried,
            label=Label.ASSUMED,
            because="the outage chosen for this run",
        ),
    )
    yield Piece(text=" in ")
    yield Piece(
        text=text,
        figure=Figure(name="drain", text=text, label=label, because=because),
    )


def _disk(report: Report) -> Iterator[Piece]:
    found = report.storage
    if found is None:
        return
    if found.days_to_full is None:
        yield Piece(text="; the disk does not fill")
    else:
        text = days_text(found.days_to_full)
        yield Piece(text="; disk full in ")
        yield Piece(
            text=text,
            figure=Figure(
                name="disk full",
                text=text,
                label=Label.EXTRAPOLATED,
                because=f"{found.method}; at {rate(found.rate_eps)}",
            ),
        )
    yield Piece(text=" at retention ")
    yield Piece(text=_retention(found), figure=_retention_figure(found))


def _retention(found: Storage) -> str:
    return days_text(found.retention_days) if found.retention_days else "for ever"


def _retention_figure(found: Storage) -> Figure:
    return Figure(
        name="retention",
        text=_retention(found),
        label=Label.ASSUMED,
        because="the retention that the stack was set to",
    )


def _reservations(report: Report) -> Iterator[Piece]:
    if not report.run.complete:
        yield Piece(
            text=" The run was ended early: what it had not measured is absent."
        )
    if report.run.profile is Profile.QUICK:
        yield Piece(text=" A quick run screens; it does not confirm.")


def _stopped(report: Report) -> str:
    return _STOPPED[report.verdict.stop_reason]


_RESOURCES = {
    Resource.CPU: "CPU",
    Resource.THREAD: "thread",
    Resource.DISK: "disk",
    Resource.MEMORY: "memory",
    Resource.UNKNOWN: "",
}
_STOPPED = {
    StopReason.WIDTH_REACHED: "the interval is narrow enough",
    StopReason.TIME_BUDGET: "the time was used up",
    StopReason.MAX_RATE: "the highest rate that was allowed passed",
    StopReason.GENERATOR_LIMITED: "the load generator could not go faster",
    StopReason.UNSTABLE: "the same rates passed and failed",
    StopReason.MIN_RATE_FAILS: "the smallest rate did not hold",
    StopReason.NOT_VALID: "trials were not valid again and again",
    StopReason.NOT_DRAINED: "a backlog did not drain",
    StopReason.INTERRUPTED: "the run was interrupted",
}

"""What all charts share: result, labels, and the choice of trials (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ...document import Edge, Latency, Outcome, Report, Stage, Trial
from ..svg import Drawing
from ..words import milliseconds, number

__all__ = [
    "SHAPE_OF",
    "Chart",
    "by_rate",
    "edge_name",
    "ms_label",
    "objective_share",
    "rate_label",
    "thinned",
    "with_latency",
]

# Told apart without colour too.
SHAPE_OF = {
    Outcome.PASS: "circle",
    Outcome.FAIL: "cross",
    Outcome.INVALID: "triangle",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing with its title and what to know when reading it.

    `narrow` is the same for a small screen where `wide` would not be legible there.
    """

    title: str
    note: str
    wide: Drawing
    narrow: Drawing | None = None


def with_latency(trials: Iterable[Trial]) -> list[tuple[Trial, Latency]]:
    """Return the trials that are valid, with their latency."""
    return [
        (trial, trial.latency[Stage.TOTAL])
        for trial in trials
        if trial.outcome is not Outcome.INVALID and Stage.TOTAL in trial.latency
    ]


def by_rate(values: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the median for each rate, ascending."""
    found: dict[float, list[float]] = {}
    for eps, value in values:
        found.setdefault(eps, []).append(value)
    return [(eps, median(found[eps])) for eps in sorted(found)]


def edge_name(edge: Edge) -> str:
    """Return what the shaded interval is."""
    if edge.upper is None:
        return "passed up to here"
    return "edge" if edge.confirmed else "edge, not confirmed"


def objective_share(report: Report) -> str:
    """Return "p99"."""
    return f"p{number(100 * report.slo.p, 4)}"


def rate_label(value: float) -> str:
    """Return a tick of an axis of rates: "20k"."""
    return f"{number(value / 1000)}k" if value >= 10_000 else number(value)


def ms_label(value: float) -> str:
    """Return a tick of an axis of latencies."""
    return milliseconds(value) if value else "0"


def thinned(values: Sequence[float], size: int) -> list[tuple[float, float]]:
    """Return at most *size* (position, highest value) pairs; a peak is never lost.

    The position is in steps of the sequence, at the middle of what was joined.
    """
    width = max(1, -(-len(values) // size))
    return [
        (first + (len(chunk) - 1) / 2, max(chunk))
        for first in range(0, len(values), width)
        if (chunk := values[first : first + width])
    ]

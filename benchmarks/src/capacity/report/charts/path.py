"""The search: which rate was tried when, and what came of it (pure)."""

from __future__ import annotations

from itertools import groupby

from ...document import Outcome, Phase, Report, Trial
from ..svg import (
    Frame,
    Linear,
    Log,
    band,
    bottom_axis,
    dot,
    left_axis,
    legend,
    line,
    text,
)
from ..words import rate
from .base import SHAPE_OF, Chart, rate_label

__all__ = ["draw_search"]

_SHORT = {
    Phase.WARM_UP: "warm",
    Phase.BRACKET: "bracket",
    Phase.BISECT: "bisect",
    Phase.CONFIRM_LOWER: "lower",
    Phase.CONFIRM_UPPER: "upper",
    Phase.SUSTAINED: "soak",
    Phase.OUTAGE: "outage",
}


def draw_search(report: Report) -> Chart | None:
    """Draw the rate of each trial in the order in which they ran."""
    trials = _searched(report)
    if not trials:
        return None
    frame = Frame(bottom=58)
    rates = [trial.target_eps for trial in trials]
    x = Linear(low=0.4, high=len(trials) + 0.6, start=frame.x0, end=frame.x1)
    y = Log.covering(min(rates) * 0.9, max(rates) * 1.1, start=frame.y0, end=frame.y1)
    marks = [
        bottom_axis(
            frame,
            x,
            label="trial",
            shown=lambda n: f"{n:g}" if float(n).is_integer() else "",
            about=10,
        ),
        left_axis(frame, y, label="events/s", shown=rate_label, about=7),
    ]
    edge = report.verdict.edge
    if edge is not None and edge.upper is not None:
        top, foot = y(edge.upper), y(edge.lower)
        level = Frame(top=top, height=foot + frame.bottom, bottom=frame.bottom)
        marks.insert(0, band(level, frame.x0, frame.x1))
    places = [(x(n), y(eps)) for n, eps in enumerate(rates, 1)]
    marks.append(line(places, class_="route"))
    marks += [
        dot(
            *place,
            shape=SHAPE_OF[trial.outcome],
            class_=str(trial.outcome),
            title=f"{trial.id}, {trial.phase}, {rate(trial.target_eps)}: "
            + ", ".join((str(trial.outcome), *trial.reasons)),
            r=5,
        )
        for place, trial in zip(places, trials, strict=True)
    ]
    marks += _phases(report, frame, x)
    marks.append(
        legend(
            frame,
            [(str(outcome), str(outcome), SHAPE_OF[outcome]) for outcome in Outcome],
            start=frame.x0 + 90,
        )
    )
    return Chart(
        title="Search path",
        note="Each trial in the order in which it ran; shaded is the edge. "
        "What is invalid says nothing about the stack and moves no bound.",
        wide=frame.draw(*marks, label="Rate of each trial, and its outcome"),
    )


def _searched(report: Report) -> list[Trial]:
    """Return the trials of the search; what comes after it moves no bound."""
    return [trial for trial in report.stack_trials if trial.phase in _SHORT]


def _phases(report: Report, frame: Frame, x: Linear) -> list[str]:
    """Return the names of the phases under their trials, in two rows."""
    words, first = [], 1
    for index, (phase, members) in enumerate(
        groupby(_searched(report), key=lambda trial: trial.phase)
    ):
        count = len(list(members))
        middle = x(first + (count - 1) / 2)
        words.append(
            text(
                _SHORT[phase],
                min(middle, frame.x1 - 16),
                frame.y0 + (30 if index % 2 == 0 else 42),
                anchor="middle",
                class_="faint",
            )
        )
        first += count
    return words

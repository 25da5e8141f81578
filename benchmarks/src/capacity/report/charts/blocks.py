"""Latency over the time of the longest trial at the sustained rate (pure)."""

from __future__ import annotations

from ...document import IncidentKind, Outcome, Report, Trial
from ..svg import (
    Frame,
    Linear,
    Log,
    bottom_axis,
    dot,
    left_axis,
    legend,
    line,
    rule_x,
    rule_y,
)
from ..words import milliseconds, rate
from .base import Chart, ms_label, objective_share, thinned

__all__ = ["draw_blocks"]

_POINTS = 240
_INCIDENTS = 100
_TOLD = 8

_SHAPES = {
    IncidentKind.SNAPSHOT: "square",
    IncidentKind.COMPACTION: "diamond",
    IncidentKind.FAULT: "cross",
    IncidentKind.RESTART: "triangle",
    IncidentKind.OTHER: "circle",
}


def draw_blocks(report: Report) -> Chart | None:
    """Draw p99 of each 10 s with what happened in the stack."""
    trial = _chosen(report)
    if trial is None:
        return None
    frame = Frame()
    whole = max(trial.blocks[-1].at_s + 10, trial.window_s)
    highest = [max(block.max, 1e-3) for block in trial.blocks]
    lowest = [max(block.p50, 1e-3) for block in trial.blocks]
    limit = report.slo.limit_ms
    x = Linear(low=0, high=whole, start=frame.x0, end=frame.x1)
    y = Log.covering(
        min(*lowest, limit) / 1.6,
        max(*highest, limit) * 1.6,
        start=frame.y0,
        end=frame.y1,
    )
    width = trial.blocks[1].at_s - trial.blocks[0].at_s if trial.blocks[1:] else 10.0
    lines = [
        line(
            [
                (x((at + 0.5) * width), y(max(value, 1e-3)))
                for at, value in thinned(
                    [getattr(block, name) for block in trial.blocks], _POINTS
                )
            ],
            class_=style,
        )
        for name, style in (("p50", "p50"), ("p99", "p99"), ("max", "p999"))
    ]
    marks = []
    for incident in trial.incidents[:_INCIDENTS]:
        place = x(incident.at_s)
        marks.append(rule_x(frame, place, name="", class_="faint"))
        marks.append(
            dot(
                place,
                frame.y0 - 8,
                shape=_SHAPES[incident.kind],
                class_="incident",
                title=f"{incident.at_s:.0f} s: {incident.kind}, {incident.text}",
                r=5,
            )
        )
    told = "; ".join(
        f"{incident.at_s:.0f} s {incident.kind} ({incident.text})"
        for incident in trial.incidents[:_TOLD]
    )
    more = len(trial.incidents) - _TOLD
    told += f"; and {more} more" if more > 0 else ""
    return Chart(
        title="Latency over time",
        note=f"Trial {trial.id} at {rate(trial.target_eps)}, a point each 10 s. "
        + (
            f"Marked at the foot: {told}." if told else "Nothing happened in the stack."
        ),
        wide=frame.draw(
            bottom_axis(frame, x, label="seconds", shown=lambda s: f"{s:.0f}"),
            left_axis(frame, y, label="latency", shown=ms_label),
            rule_y(
                frame,
                y(limit),
                name=f"{objective_share(report)} limit {milliseconds(limit)}",
                class_="limit",
                at="start",
            ),
            *marks,
            *lines,
            legend(
                frame,
                [("p50", "p50", ""), ("p99", "p99", ""), ("max", "p999", "")],
                start=frame.x0 + 90,
            ),
            label="Latency over time",
        ),
    )


def _chosen(report: Report) -> Trial | None:
    """Return the sustained trial, or else the longest one that counts."""
    sustained = report.sustained
    if sustained is not None and sustained.blocks:
        return sustained
    counted = [
        trial
        for trial in report.rate_trials
        if trial.blocks and trial.outcome is not Outcome.INVALID
    ]
    return max(counted, key=lambda trial: trial.window_s, default=None)

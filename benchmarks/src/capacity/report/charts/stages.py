"""Where the time goes: the stages on top of each other, against rate (pure)."""

from __future__ import annotations

from ...document import Outcome, Report, Stage
from ..svg import Frame, Linear, area, bottom_axis, left_axis, legend, line
from .base import Chart, by_rate, ms_label, rate_label

__all__ = ["draw_stages"]

# In the order in which an event passes them; together they are `stored`.
_PIECES = (
    (Stage.SCHEDULE, "schedule", "s1"),
    (Stage.HA_TO_INGEST, "ingestion", "s2"),
    (Stage.INGEST_TO_ENRICH, "enrichment", "s3"),
    (Stage.ENRICH_TO_STORED, "InfluxDB", "s4"),
)


def draw_stages(report: Report) -> Chart | None:
    """Draw the means of the stages, which add up, for the rates that passed."""
    passed = [
        trial
        for trial in report.rate_trials
        if trial.outcome is Outcome.PASS
        and all(stage in trial.latency for stage, _, _ in _PIECES)
    ]
    columns = {
        stage: by_rate((t.target_eps, t.latency[stage].mean) for t in passed)
        for stage, _, _ in _PIECES
    }
    rates = [eps for eps, _ in columns[Stage.SCHEDULE]]
    if len(rates) < 2:
        return None
    frame = Frame()
    sums = [0.0] * len(rates)
    levels = [list(sums)]
    for stage, _, _ in _PIECES:
        sums = [a + b for a, (_, b) in zip(sums, columns[stage], strict=True)]
        levels.append(sums)
    x = Linear(low=0, high=max(rates), start=frame.x0, end=frame.x1)
    y = Linear.covering(max(sums), start=frame.y0, end=frame.y1)
    outlines = [
        [(x(eps), y(value)) for eps, value in zip(rates, level, strict=True)]
        for level in levels
    ]
    stacked = [
        area(upper, lower, class_=style) + line(upper, class_="outline")
        for lower, upper, (_, _, style) in zip(
            outlines, outlines[1:], _PIECES, strict=False
        )
    ]
    return Chart(
        title="Where the time goes",
        note="Mean latency on the way to each part, from the bottom up: only means add "
        "up, percentiles do not. Rates that passed; medians of trials at one rate.",
        wide=frame.draw(
            left_axis(frame, y, label="mean", shown=ms_label),
            *stacked,
            bottom_axis(frame, x, label="events/s", shown=rate_label),
            legend(
                frame,
                [(name, style, "area") for _, name, style in _PIECES],
                start=frame.x0,
            ),
            label="Mean latency of the stages against rate",
        ),
    )

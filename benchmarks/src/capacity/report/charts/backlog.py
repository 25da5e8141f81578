"""The outage: how the backlog grew, and how fast it went (pure)."""

from __future__ import annotations

from ...document import Report, Resilience
from ..svg import (
    Frame,
    Linear,
    band,
    bottom_axis,
    left_axis,
    legend,
    line,
    rule_y,
    steps,
    text,
)
from ..words import duration, number, rate
from .base import Chart, rate_label

__all__ = ["draw_backlog"]

_POINTS = 240


def draw_backlog(report: Report) -> Chart | None:
    """Draw the backlog over the outage trial, with the drain that was predicted."""
    found = report.resilience
    if found is None or len(found.curve) < 2:
        return None
    frame = Frame()
    back_s = found.down_at_s + found.outage_s
    end = max(found.curve[-1].at_s, back_s + (found.drain_s.predicted or 0.0))
    x = Linear(low=0, high=end, start=frame.x0, end=frame.x1)
    y = Linear.covering(found.backlog_peak * 1.04, start=frame.y0, end=frame.y1)
    step = max(1, -(-len(found.curve) // _POINTS))
    peak = max(found.curve, key=lambda point: point.events)
    kept = [p for i, p in enumerate(found.curve) if i % step == 0 or p is peak]
    curve = [(x(point.at_s), y(point.events)) for point in kept]
    marks = [
        band(frame, x(found.down_at_s), x(back_s), class_="phase"),
        left_axis(frame, y, label="events", shown=rate_label),
        steps(curve, base=y(0), class_="backlog"),
        line(curve, class_="backlog"),
        text("InfluxDB away", x(found.down_at_s) + 4, frame.y1 + 12, class_="faint"),
        bottom_axis(frame, x, label="seconds of the trial", shown=lambda s: f"{s:g}"),
    ]
    entries = [("measured", "backlog", "")]
    if found.drain_s.predicted is not None:
        entries.append(("predicted", "predicted", ""))
        marks.append(
            line(
                [
                    (x(back_s), y(found.backlog_peak)),
                    (x(back_s + found.drain_s.predicted), y(0)),
                ],
                class_="predicted",
            )
        )
    capacity = found.buffer_bytes / found.bytes_per_event
    if capacity <= y.high:
        marks.append(rule_y(frame, y(capacity), name="buffer full", class_="limit"))
    marks.append(legend(frame, entries, start=frame.x0 + 90))
    return Chart(
        title="Outage and drain",
        note=_note(found, capacity),
        wide=frame.draw(*marks, label="Backlog over the outage, and its drain"),
    )


def _note(found: Resilience, capacity: float) -> str:
    told = [
        f"InfluxDB was away for {duration(found.outage_s)} at {rate(found.rate_eps)};",
        f"{found.lost:,} events lost, {found.out_of_order:,} out of order.",
    ]
    predicted, measured = found.drain_s.predicted, found.drain_s.measured
    if measured is not None:
        told.append(f"Drained in {duration(measured)}")
        if predicted:
            told.append(
                f"(predicted {duration(predicted)}, "
                f"{number(abs(predicted / measured - 1) * 100, 2)} % off)"
            )
        told[-1] += "."
    else:
        told.append("It did not drain while it was watched.")
    told.append(
        f"The buffer holds {number(capacity)} events: {duration(found.max_outage_s)}."
    )
    return " ".join(told)

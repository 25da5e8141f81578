"""Latency against rate: the main chart (pure)."""

from __future__ import annotations

from ...document import Outcome, Report
from ..svg import (
    Drawing,
    Frame,
    Log,
    band,
    bottom_axis,
    dot,
    left_axis,
    legend,
    line,
    rule_x,
    rule_y,
)
from ..words import milliseconds, number, rate
from .base import (
    Chart,
    by_rate,
    edge_name,
    ms_label,
    objective_share,
    rate_label,
    with_latency,
)

__all__ = ["draw_rates"]

_QUANTILES = (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999"))


def draw_rates(report: Report) -> Chart | None:
    """Draw p50, p99 and p99.9 of all valid trials over their rate."""
    if not with_latency(report.rate_trials):
        return None
    left_out = sum(trial.outcome is Outcome.INVALID for trial in report.rate_trials)
    note = (
        "Each mark is a trial: a circle passed, a cross failed. Lines join the medians "
        "of trials at the same rate. Latency counts from the intended time of an event "
        "to InfluxDB's acknowledgement; both axes are logarithmic."
    )
    if left_out:
        note += f" Left out: {left_out} invalid."
    return Chart(
        title="Latency against rate",
        note=note,
        wide=_draw(report, Frame(width=1060, height=400, left=70)),
        narrow=_draw(report, Frame(width=520, height=400)),
    )


def _draw(report: Report, frame: Frame) -> Drawing:
    counted = with_latency(report.rate_trials)
    rates = [trial.target_eps for trial, _ in counted]
    values = [
        max(getattr(latency, name), 1e-3)
        for _, latency in counted
        for _, name in _QUANTILES
    ]
    x = Log.covering(min(rates) * 0.9, max(rates) * 1.05, start=frame.x0, end=frame.x1)
    limit = report.slo.limit_ms
    y = Log.covering(
        min(*values, limit), max(*values, limit) * 1.1, start=frame.y0, end=frame.y1
    )
    key = [(shown, name, "") for shown, name in _QUANTILES]
    marks = [
        bottom_axis(frame, x, label="events/s", shown=rate_label, about=10),
        left_axis(frame, y, label="latency", shown=ms_label, about=6),
    ]
    edge = report.verdict.edge
    if edge is not None:
        upper = edge.lower if edge.upper is None else edge.upper
        marks.insert(0, band(frame, x(edge.lower), x(upper)))
        marks += [
            rule_x(frame, x(end), name="", class_="faint")
            for end in (edge.lower, upper)
        ]
        name = f"{edge_name(edge)} {_span(edge.lower, edge.upper)}"
        key.append((name, "band edge", "area"))
    sustained = report.verdict.sustained_eps
    if sustained is not None:
        name = f"sustained {number(sustained)}"
        marks.append(rule_x(frame, x(sustained), name=name, class_="kept", left=True))
    share = objective_share(report)
    marks.append(
        rule_y(
            frame,
            y(limit),
            name=f"{share} limit {milliseconds(limit)}",
            class_="limit",
            at="start",
        )
    )
    for _, name in _QUANTILES:
        points = by_rate(
            (t.target_eps, max(getattr(found, name), 1e-3)) for t, found in counted
        )
        marks.append(line([(x(a), y(b)) for a, b in points], class_=name))
    for trial, found in counted:
        for shown, name in _QUANTILES:
            value = getattr(found, name)
            marks.append(
                dot(
                    x(trial.target_eps),
                    y(max(value, 1e-3)),
                    shape="circle" if trial.outcome is Outcome.PASS else "cross",
                    class_=name,
                    title=f"{trial.id}, {rate(trial.target_eps)}: "
                    f"{shown} {milliseconds(value)}, {trial.outcome}",
                )
            )
    marks.append(legend(frame, key, start=frame.x0 + 60))
    return frame.draw(*marks, label="Latency against rate")


def _span(lower: float, upper: float | None) -> str:
    if upper is None:
        return number(lower)
    return f"{number(lower)}\N{EN DASH}{number(upper)}"

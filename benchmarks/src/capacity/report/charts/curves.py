"""The whole distribution of latency, up to the rarest events (pure)."""

from __future__ import annotations

import math

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from ...document import Latency, Outcome, Report, Trial
from ..svg import Frame, Log, Nines, bottom_axis, left_axis, legend, line, rule_y
from ..words import milliseconds, number
from .base import Chart, ms_label, objective_share, with_latency

__all__ = ["draw_percentiles", "quantiles"]

_STEPS_PER_NINE = 12
_MAX_NINES = 6.0
_STYLES = ("first", "second", "third")
_SUMMARY = ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p999"))


def quantiles(latency: Latency) -> list[tuple[float, float]]:
    """Return (share, milliseconds) from the histogram, or from what was kept of it."""
    nines = min(_MAX_NINES, max(1.0, math.log10(max(latency.count, 10))))
    if latency.hdr is None:
        known = [(share, getattr(latency, name)) for share, name in _SUMMARY]
        return [*known, (1 - 10**-nines, latency.max)] if nines > 3 else known
    histogram = HdrHistogram.decode(latency.hdr)
    steps = range(math.floor(nines * _STEPS_PER_NINE) + 1)
    shares = [1 - 10 ** (-step / _STEPS_PER_NINE) for step in steps]
    return [
        (share, histogram.get_value_at_percentile(100 * share) / 1000)
        for share in shares
    ]


def draw_percentiles(report: Report) -> Chart | None:
    """Draw the percentiles of the sustained rate and of both ends of the edge."""
    chosen = _chosen(report)
    if not chosen:
        return None
    frame = Frame()
    curves = [(name, quantiles(latency)) for name, _, latency in chosen]
    values = [max(ms, 1e-3) for _, curve in curves for _, ms in curve]
    limit = report.slo.limit_ms
    nines = max(-math.log10(1 - share) for _, curve in curves for share, _ in curve)
    x = Nines(nines=max(2.0, nines), start=frame.x0, end=frame.x1)
    y = Log.covering(
        min(*values, limit), max(*values, limit * 1.6), start=frame.y0, end=frame.y1
    )
    drawn = [
        line([(x(share), y(max(ms, 1e-3))) for share, ms in curve], class_=style)
        for (_, curve), style in zip(curves, _STYLES, strict=False)
    ]
    trials = ", ".join(f"{name}: {trial.id}" for name, trial, _ in chosen)
    coarse = any(latency.hdr is None for _, _, latency in chosen)
    return Chart(
        title="Percentiles",
        note="Read: 99 % of events were stored within the value of the curve at 99. "
        f"From the histograms of {trials}."
        + " Some are known at five points only."
        * coarse,
        wide=frame.draw(
            bottom_axis(
                frame, x, label="per cent of events", shown=_percent, about=8, grid=True
            ),
            left_axis(frame, y, label="stored within", shown=ms_label),
            rule_y(
                frame,
                y(limit),
                name=f"{objective_share(report)} limit {milliseconds(limit)}",
                class_="limit",
                at="start",
            ),
            *drawn,
            legend(
                frame,
                [
                    (name, style, "")
                    for (name, _), style in zip(curves, _STYLES, strict=False)
                ],
                start=frame.x0 + 76,
            ),
            label="Percentiles of latency",
        ),
    )


def _chosen(report: Report) -> list[tuple[str, Trial, Latency]]:
    """Return the longest trial at the sustained rate, and at both ends of the edge."""
    edge = report.verdict.edge
    counted = with_latency(report.rate_trials)
    wanted: list[tuple[float | None, Outcome]] = [
        (report.verdict.sustained_eps, Outcome.PASS),
        (None if edge is None else edge.lower, Outcome.PASS),
        (None if edge is None else edge.upper, Outcome.FAIL),
    ]
    found = []
    for eps, outcome in wanted:
        fitting = [
            (trial, latency)
            for trial, latency in counted
            if trial.target_eps == eps and trial.outcome is outcome
        ]
        if eps is not None and fitting:
            trial, latency = max(fitting, key=lambda pair: pair[0].window_s)
            found.append((f"{number(eps)}/s {outcome}", trial, latency))
    return found


def _percent(share: float) -> str:
    return number(100 * share, 8)

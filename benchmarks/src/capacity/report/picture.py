"""The main chart as a PNG, for chats and issues that show no SVG (pure).

Matplotlib draws it: its wheels hold a renderer and a font, so that a host needs neither
a C library nor fonts of its own. Rendering again gives the same picture as long as the
version of Matplotlib is the same.
"""

from __future__ import annotations

from io import BytesIO
from textwrap import fill

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from ..document import Outcome, Report
from .charts.base import (
    by_rate,
    edge_name,
    ms_label,
    objective_share,
    rate_label,
    with_latency,
)
from .sentence import sentence
from .svg import Log
from .words import milliseconds, number

__all__ = ["picture"]

_QUANTILES = (
    ("p50", "p50", "#575c65", ":"),
    ("p99", "p99", "#1d5fb4", "-"),
    ("p99.9", "p999", "#b85c00", "--"),
)
_INCHES = (10.0, 5.6)
_DPI = 120


def picture(report: Report) -> bytes | None:
    """Return the chart of latency against rate, or None where nothing was measured."""
    counted = with_latency(report.rate_trials)
    if not counted:
        return None
    figure = Figure(figsize=_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    edge, sustained = report.verdict.edge, report.verdict.sustained_eps
    if edge is not None and edge.upper is not None:
        span = f"{number(edge.lower)}\N{EN DASH}{number(edge.upper)}"
        label = f"{edge_name(edge)} {span}"
        axes.axvspan(edge.lower, edge.upper, color="#1d5fb4", alpha=0.15, label=label)
    if sustained is not None:
        name = f"sustained {number(sustained)}"
        axes.axvline(sustained, color="#17703f", linewidth=1.8, label=name)
    name = f"{objective_share(report)} limit {milliseconds(report.slo.limit_ms)}"
    axes.axhline(report.slo.limit_ms, color="#b3202a", linestyle="-.", label=name)
    for shown, key, colour, dash in _QUANTILES:
        points = by_rate((t.target_eps, getattr(found, key)) for t, found in counted)
        axes.plot(*zip(*points, strict=True), color=colour, linestyle=dash, label=shown)
        for outcome, mark in ((Outcome.PASS, "o"), (Outcome.FAIL, "x")):
            chosen = [
                (trial.target_eps, getattr(found, key))
                for trial, found in counted
                if trial.outcome is outcome
            ]
            if chosen:
                tried, values = zip(*chosen, strict=True)
                axes.scatter(tried, values, color=colour, marker=mark, s=26)
    axes.set_xscale("log")
    axes.set_yscale("log")
    rates = [trial.target_eps for trial, _ in counted]
    ends = Log.covering(min(rates) * 0.9, max(rates) * 1.05, start=0, end=1)
    axes.set_xlim(ends.low, ends.high)
    axes.set_xticks(ends.ticks(8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rate_label(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: ms_label(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("events/s (circle: passed, cross: failed)")
    axes.set_ylabel("latency, intended to stored")
    axes.grid(visible=True, color="#e6e8eb")
    axes.set_axisbelow(True)
    axes.legend(loc="upper left", fontsize=9)
    axes.set_title(fill(sentence(report), 110), fontsize=9.5, loc="left")
    content = BytesIO()
    # A date or a version in the file would change it without changing the picture.
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()

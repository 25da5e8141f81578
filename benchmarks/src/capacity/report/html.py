"""Render the page that people read; it needs no script and no other file (pure)."""

from __future__ import annotations

from datetime import UTC
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..document import Check, Kind, Outcome, Report, Sense, Stage, Standing, Status
from . import words
from .charts import (
    Chart,
    draw_backlog,
    draw_blocks,
    draw_containers,
    draw_disk,
    draw_percentiles,
    draw_rates,
    draw_search,
    draw_stages,
)
from .method import caveats, method
from .sentence import limit_name, pieces, sentence

__all__ = ["LARGEST_BYTES", "render"]

LARGEST_BYTES: Final = 300_000
_WORST_FIRST = (Standing.BAD, Standing.WARNING, Standing.OK)
_SIGNS = {
    Standing.OK: "\N{CHECK MARK}",
    Standing.WARNING: "!",
    Standing.BAD: "\N{BALLOT X}",
    Outcome.PASS: "\N{CHECK MARK}",
    Outcome.FAIL: "\N{BALLOT X}",
    Outcome.INVALID: "\N{WHITE UP-POINTING TRIANGLE}",
}
_STATUS = {
    Status.PASS: "capacity found",
    Status.FAIL: "does not hold",
    Status.INVALID: "not valid",
    Status.INCONCLUSIVE: "inconclusive",
}
_KINDS = {
    Kind.MEASURED: "measured",
    Kind.EXTRAPOLATED: "extrapolated",
    Kind.RULE_OF_THUMB: "rule of thumb",
}


def render(report: Report) -> str:
    """Return the page as HTML; the same document gives the same bytes."""
    environment = Environment(
        loader=PackageLoader("capacity.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_filters())
    return environment.get_template("report.html.j2").render(
        report=report,
        style=Markup(_text("style.css")),  # noqa: S704 - a file of this package
        told=pieces(report),
        sentence=sentence(report),
        status=_STATUS[report.verdict.status],
        started=report.run.started.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        checks=_worst_first(report.validity),
        kinds=_KINDS,
        signs=_SIGNS,
        limit=limit_name(report.model.bottleneck) if report.model.bottleneck else "",
        main=draw_rates(report),
        charts=_charts(report),
        containers=draw_containers(report),
        senses={Sense.AT_LEAST: "at least", Sense.AT_MOST: "at most"},
        stored=Stage.TOTAL,
        method=method(report),
        caveats=caveats(report),
    )


def _charts(report: Report) -> list[Chart]:
    drawn = (
        draw_percentiles(report),
        draw_blocks(report),
        draw_stages(report),
        draw_search(report),
        draw_backlog(report),
        draw_disk(report),
    )
    return [chart for chart in drawn if chart is not None]


def _worst_first(checks: tuple[Check, ...]) -> list[Check]:
    return sorted(checks, key=lambda check: _WORST_FIRST.index(check.standing))


def _filters() -> dict[str, Any]:
    def svg(chart: str) -> Markup:
        return Markup(chart)  # noqa: S704 - drawn by this package, its texts escaped

    def spaced(code: str) -> str:
        return str(code).replace("_", " ")

    return {
        "bytes": words.bytes_text,
        "cores": words.cores_text,
        "days": words.days_text,
        "duration": words.duration,
        "memory": words.memory_text,
        "ms": words.milliseconds,
        "num": words.number,
        "per_event": words.per_event,
        "percent": words.percent,
        "rate": words.rate,
        "spaced": spaced,
        "svg": svg,
    }


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8").strip()

"""Render the page of a matrix; it needs no script and no other file (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .html import SIGNS, WORDS
from .sentence import plural
from .templates import template

ORDER = ("fail", "unknown", "pass", "not_applicable")
_WORDS = {**WORDS, "not_applicable": "not applicable"}
_SIGNS = {**SIGNS, "not_applicable": "\N{MIDDLE DOT}"}
_WIDTH = 1056
_LEFT = 310
_RIGHT = 110
_ROW = 24
_TOP = 22
_TICKS = 6
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line of the scale."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One fault; all but the texts are coordinates."""

    name: str
    title: str
    text: str
    y: int
    worst: float
    median: float
    budget: float | None
    label: float
    slow: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RedCells:
    """Checks of one scenario that say the same."""

    verdict: str
    message: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """The drawing of the times to recover."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    height: int
    width: int = _WIDTH
    left: int = _LEFT


def render_matrix(document: Mapping[str, Any]) -> str:
    """Return the page of a matrix; equal documents make equal pages."""
    scenarios = document["scenarios"]
    page = template(
        "matrix.html.j2",
        thousands="{:,}".format,
        seconds=seconds,
        duration=duration,
        red_cells=red_cells,
        other_reasons=other_reasons,
    )
    return page.render(
        report=document,
        sentence=matrix_sentence(document),
        words=_WORDS,
        signs=_SIGNS,
        order=ORDER,
        plural=plural,
        groups={
            verdict: [s for s in scenarios if s["verdict"] == verdict]
            for verdict in ORDER
        },
        bars=draw_recovery(document["recovery"]),
    )


def matrix_sentence(document: Mapping[str, Any]) -> str:
    """Say in one sentence what came out."""
    name, scenarios = document["project"], document["scenarios"]
    if not scenarios:
        return f"Nothing was judged: no scenario of {name} was run."
    red = [s for s in scenarios if s["verdict"] == "fail"]
    open_ones = [s for s in scenarios if s["verdict"] == "unknown"]
    total = plural(len(scenarios), "scenario")
    if red:
        also = f", and {len(open_ones)} could not be decided" if open_ones else ""
        lost = document["lost"]
        told = f", with {lost:,} events lost" if lost else ""
        return f"{name} breaks its promise under {len(red)} of {total}{told}{also}."
    if open_ones:
        return f"{name} cannot be judged: {len(open_ones)} of {total} open."
    return (
        f"{name} keeps its promise under {total}: no event lost of "
        f"{document['events']:,}."
    )


def draw_recovery(recovery: Sequence[Mapping[str, Any]]) -> Bars:
    """Lay out one bar for each fault from which a recovery was seen."""
    seen = [row for row in recovery if row["worst_ms"] is not None]
    longest = max(
        (max(row["worst_ms"], row["budget_ms"] or 0.0) for row in seen), default=0.0
    )
    step = _step(longest)
    scale = (_WIDTH - _LEFT - _RIGHT) / max(longest, step)
    rows = tuple(_row(row, place, scale) for place, row in enumerate(seen))
    ticks = tuple(
        Tick(x=_x(number * step, scale), text=seconds(number * step))
        for number in range(int(max(longest, step) / step) + 1)
    )
    return Bars(rows=rows, ticks=ticks, height=_TOP + _ROW * len(rows) + 4)


def red_cells(scenario: Mapping[str, Any]) -> list[RedCells]:
    """Return what is red under a scenario; equal messages stand together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for cell in scenario["cells"]:
        if cell["verdict"] in {"fail", "unknown"}:
            key = cell["verdict"], cell["message"]
            groups.setdefault(key, []).append(cell["check"])
    return [
        RedCells(verdict=verdict, message=message, checks=tuple(checks))
        for (verdict, message), checks in sorted(groups.items())
    ]


def other_reasons(scenario: Mapping[str, Any]) -> list[str]:
    """Return the oracle's reasons that no cell tells."""
    told = "\n".join(cell["message"] for cell in scenario["cells"])
    return [reason for reason in scenario["why"] if reason not in told]


def seconds(milliseconds: float | None) -> str:
    """Return a time as people say it; nothing for none."""
    return "" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def duration(value: float) -> str:
    """Return seconds as minutes and seconds."""
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _row(row: Mapping[str, Any], place: int, scale: float) -> Row:
    name = f"{row['kind']} of {row['target']}"
    worst, budget = row["worst_ms"], row["budget_ms"]
    end = _x(max(worst, budget or 0.0), scale)
    return Row(
        name=name,
        title=f"{name}: median {seconds(row['median_ms'])}, worst {seconds(worst)}",
        text=seconds(worst),
        y=_TOP + place * _ROW,
        worst=max(1.0, round(worst * scale, 1)),
        median=_x(row["median_ms"], scale),
        budget=None if budget is None else _x(budget, scale),
        label=end + 6,
        slow=budget is not None and worst > budget,
    )


def _x(milliseconds: float, scale: float) -> float:
    return round(_LEFT + milliseconds * scale, 1)


def _step(longest: float) -> float:
    """Return a round distance of the lines of the scale, in milliseconds."""
    power = 100.0
    while True:
        for step in _STEPS:
            if step * power * _TICKS >= longest:
                return step * power
        power *= 10

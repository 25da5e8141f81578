"""Render the page that people read; it needs no script and no other file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..events import Event
from .gauges import memory_gauges, stop_gauges
from .sentence import plural, verdict_sentence
from .templates import template
from .timeline import LEFT, ROW, WIDTH, draw_start

_SHOWN_EVENTS = 400
WORST_FIRST = ("fail", "unknown", "not_promised", "ignored", "pass")
WORDS = {
    "pass": "passed",
    "fail": "failed",
    "unknown": "unknown",
    "not_promised": "not promised",
    "ignored": "ignored",
}
SIGNS = {
    "pass": "\N{CHECK MARK}",
    "fail": "\N{BALLOT X}",
    "unknown": "?",
    "not_promised": "!",
    "ignored": "\N{EN DASH}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the page shows."""

    document: Mapping[str, Any]
    events: tuple[Event, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """All cases of one service and one family: how many, and the worst verdict."""

    verdict: str
    total: int
    passed: int
    title: str


def render(page: Page) -> str:
    """Return the page as HTML."""
    document = page.document
    checks = document["checks"]
    families = sorted({check["family"] for check in checks})
    return template("report.html.j2").render(
        report=document,
        sentence=verdict_sentence(document),
        words=WORDS,
        signs=SIGNS,
        plural=plural,
        groups={v: [c for c in checks if c["verdict"] == v] for v in WORST_FIRST},
        families=families,
        rows=_rows(document, families),
        drawing=draw_start(
            page.events, document["services"], until_ns=document["start_until_ns"]
        ),
        shape={"width": WIDTH, "left": LEFT, "row": ROW},
        memory=memory_gauges(checks),
        stops=stop_gauges(checks),
        logs=page.logs,
        events=_told(page.events[:_SHOWN_EVENTS]),
        hidden_events=max(0, len(page.events) - _SHOWN_EVENTS),
    )


def _rows(
    document: Mapping[str, Any], families: list[str]
) -> list[tuple[str, str, list[Cell | None], list[Mapping[str, Any]]]]:
    """Return for each service how it stood, a cell a family, and its cases."""
    stood = {s["name"]: s["stood"] or "" for s in document["services"]}
    by_service: dict[str | None, list[Mapping[str, Any]]] = {n: [] for n in stood}
    for check in document["checks"]:
        by_service.setdefault(check["subject"]["service"], []).append(check)
    return [
        (
            name or "the file",
            stood.get(name or "", ""),
            [
                cell([check for check in checks if check["family"] == family])
                for family in families
            ],
            sorted(checks, key=lambda c: WORST_FIRST.index(c["verdict"])),
        )
        for name, checks in by_service.items()
    ]


def cell(checks: list[Mapping[str, Any]]) -> Cell | None:
    """Sum up some cases; None for none."""
    if not checks:
        return None
    tally = Counter(check["verdict"] for check in checks)
    worst = next(verdict for verdict in WORST_FIRST if tally[verdict])
    title = ", ".join(f"{tally[v]} {WORDS[v]}" for v in WORST_FIRST if tally[v])
    return Cell(verdict=worst, total=len(checks), passed=tally["pass"], title=title)


def _told(events: tuple[Event, ...]) -> list[tuple[str, str]]:
    zero = events[0].time_ns if events else 0
    return [(f"+{(e.time_ns - zero) / 1e9:.3f} s", str(e)) for e in events]

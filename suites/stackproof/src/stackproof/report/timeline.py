"""The start of a stack as a drawing: who waited for whom, and for how long (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..events import Event
from ..model import Health

WIDTH = 900.0
LEFT = 170.0
ROW = 30.0
_TOP = 28.0
_RIGHT = 24.0
_TICKS = 6
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
_SETTLES = {
    "service_started": "start",
    "service_healthy": "healthy",
    "service_completed_successfully": "die",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A stretch of time of one service; `kind` is waiting, starting, up or ended."""

    x: float
    y: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One moment; `kind` is healthy, done or died."""

    x: float
    y: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """From the moment that a service waited for to its own start."""

    path: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text: the name of a row, or a time on the axis."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """Everything that the page draws."""

    height: float
    rows: tuple[Label, ...]
    ticks: tuple[Label, ...]
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    edges: tuple[Edge, ...]
    seconds: float


@dataclass(slots=True, kw_only=True)
class _Life:
    """The first start of a service, in seconds after the first event."""

    create: float | None = None
    start: float | None = None
    healthy: float | None = None
    die: float | None = None
    exit_code: int | None = None

    @property
    def began(self) -> float:
        first = [t for t in (self.create, self.start) if t is not None]
        return min(first, default=0.0)

    def at(self, moment: str) -> float | None:
        found: float | None = getattr(self, moment)
        return found


def draw_start(
    events: Iterable[Event],
    services: Sequence[Mapping[str, Any]],
    *,
    until_ns: int | None,
) -> Drawing | None:
    """Return the drawing of a start, or None when there is no event.

    Args:
        events: the record; what came after the start is left out.
        services: the report's list, with name and depends_on.
        until_ns: when the start was over; without it, at the first signal.
    """
    kept = _of_start(events, until_ns)
    if not kept:
        return None
    zero = kept[0].time_ns
    lives = _lives(kept, zero)
    end = max(
        0.1,
        (kept[-1].time_ns - zero) / 1e9,
        *(life.at(m) or 0.0 for life in lives.values() for m in _SETTLES.values()),
    )
    scale = (WIDTH - LEFT - _RIGHT) / (end * 1.02)
    names = [s["name"] for s in services if s["name"] in lives]
    names.sort(key=lambda name: (lives[name].start is None, lives[name].start or 0.0))
    place = {name: _TOP + ROW * number for number, name in enumerate(names)}

    def across(seconds: float) -> float:
        return round(LEFT + seconds * scale, 1)

    bars: list[Bar] = []
    marks: list[Mark] = []
    edges: list[Edge] = []
    for service in services:
        name = service["name"]
        if name not in place:
            continue
        life, y = lives[name], place[name]
        for begin, until, kind in _stretches(life, end):
            title = f"{name} {kind} from {begin:.1f} s to {until:.1f} s"
            width = max(1.0, round((until - begin) * scale, 1))
            bars.append(Bar(x=across(begin), y=y, width=width, kind=kind, title=title))
        marks += _marks(name, life, y, across)
        for edge in service["depends_on"]:
            peer = lives.get(edge["service"])
            moment = _SETTLES.get(edge["condition"], "start")
            met = None if peer is None else peer.at(moment)
            if met is None or life.start is None:
                continue
            x_from, x_to = across(met), across(life.start)
            y_from = place[edge["service"]] + ROW / 2
            path = f"M{x_from} {y_from} V{y + ROW / 2} H{max(x_from, x_to)}"
            waited = max(0.0, life.start - life.began)
            title = (
                f"{name} waits for {edge['service']} ({edge['condition']}): met at "
                f"{met:.1f} s, started at {life.start:.1f} s, waited {waited:.1f} s"
            )
            edges.append(Edge(path=path, title=title))
    step = next((s for s in _STEPS if end / s <= _TICKS), _STEPS[-1])
    ticks = [
        Label(x=across(n * step), y=_TOP - 10, text=f"{n * step:g} s")
        for n in range(int(end / step) + 1)
    ]
    return Drawing(
        height=_TOP + ROW * len(names) + 8,
        rows=tuple(Label(x=0, y=y, text=name) for name, y in place.items()),
        ticks=tuple(ticks),
        bars=tuple(bars),
        marks=tuple(marks),
        edges=tuple(edges),
        seconds=end,
    )


def _of_start(events: Iterable[Event], until_ns: int | None) -> list[Event]:
    kept: list[Event] = []
    for event in sorted(events, key=lambda one: one.time_ns):
        if event.one_off or not event.service:
            continue
        over = event.action == "kill" if until_ns is None else event.time_ns > until_ns
        if over:
            break
        kept.append(event)
    return kept


def _lives(events: Iterable[Event], zero: int) -> dict[str, _Life]:
    lives: dict[str, _Life] = {}
    for event in events:
        life = lives.setdefault(event.service, _Life())
        now = (event.time_ns - zero) / 1e9
        match event.action:
            case "create" if life.create is None:
                life.create = now
            case "start" if life.start is None:
                life.start = now
            case "health_status" if event.health is Health.HEALTHY:
                life.healthy = now if life.healthy is None else life.healthy
            case "die" if life.die is None:
                life.die, life.exit_code = now, event.exit_code
            case _:
                continue
    return lives


def _stretches(life: _Life, end: float) -> Iterable[tuple[float, float, str]]:
    over = end if life.die is None else life.die
    if life.start is None:
        yield life.began, end, "waiting"
        return
    if life.start > life.began:
        yield life.began, life.start, "waiting"
    up = life.healthy if life.healthy is not None and life.healthy < over else None
    if up is None:
        yield life.start, over, "started"
    else:
        yield life.start, up, "starting"
        yield up, over, "healthy"


def _marks(
    name: str, life: _Life, y: float, across: Callable[[float], float]
) -> Iterable[Mark]:
    if life.healthy is not None:
        title = f"{name} healthy at {life.healthy:.1f} s"
        yield Mark(x=across(life.healthy), y=y, kind="healthy", title=title)
    if life.die is not None:
        kind = "done" if life.exit_code == 0 else "died"
        title = f"{name} ended with {life.exit_code} at {life.die:.1f} s"
        yield Mark(x=across(life.die), y=y, kind=kind, title=title)

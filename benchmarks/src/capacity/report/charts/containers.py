"""CPU, memory and throttling of each container over the run, with its limits (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from ...document import Phase, Report, Series, Service
from ..svg import (
    Drawing,
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
from ..words import cores_text, memory_text, number, percent
from .base import Chart, thinned

__all__ = ["draw_containers"]

_POINTS = 180
_LONG = (Phase.SUSTAINED, Phase.OUTAGE)


def draw_containers(report: Report) -> tuple[Chart, ...]:
    """Draw a chart for each container that was sampled."""
    timeline = report.timeline
    if timeline is None:
        return ()
    return tuple(
        Chart(
            title=name,
            note=_note(series, report.environment.services.get(name)),
            wide=_draw(report, name, series, timeline.step_s),
        )
        for name, series in timeline.containers.items()
        if series.cpu_cores
    )


def _note(series: Series, service: Service | None) -> str:
    most = max(series.throttled)
    told = [
        f"Peak {number(max(series.cpu_cores), 2)} cores",
        memory_text(max(series.mem_bytes)),
        f"throttled at most {percent(most, 2)} of a step"
        if most
        else "never throttled",
    ]
    if service is not None and service.cpu_limit is None:
        told.append("no CPU limit")
    if service is not None and service.mem_limit is None:
        told.append("no memory limit")
    if service is not None and service.max_cores is not None:
        told.append(f"its process can use {cores_text(service.max_cores)} at most")
    return "; ".join(told) + "."


def _draw(report: Report, name: str, series: Series, step_s: float) -> Drawing:
    service = report.environment.services.get(name)
    upper = Frame(height=190, bottom=18)
    lower = Frame(height=356, top=222)
    whole = len(series.cpu_cores) * step_s / 60
    x = Linear(low=0, high=whole, start=upper.x0, end=upper.x1)
    cpu_limit = None if service is None else service.cpu_limit
    mem_limit = None if service is None else service.mem_limit
    cpu = Linear.covering(
        max(*series.cpu_cores, cpu_limit or 0.0) * 1.04,
        start=upper.y0,
        end=upper.y1,
        about=4,
    )
    memory = Linear.covering(
        max(*series.mem_bytes, mem_limit or 0) / (1 << 20) * 1.04,
        start=lower.y0,
        end=lower.y1,
        about=4,
    )
    throttled = Linear(low=0, high=1, start=upper.y0, end=upper.y1)
    bands = [
        band(
            frame,
            x(trial.started_s / 60),
            x((trial.started_s + trial.window_s) / 60),
            class_="phase",
        )
        for trial in report.trials
        if trial.phase in _LONG
        for frame in (upper, lower)
    ]
    held = [
        text(
            str(trial.phase), x(trial.started_s / 60) + 3, upper.y1 + 11, class_="faint"
        )
        for trial in report.trials
        if trial.phase in _LONG
    ]
    marks = [
        *bands,
        left_axis(upper, cpu, label="cores", shown=number, about=4),
        _area(series.throttled, x, throttled, step_s, class_="throttled"),
        _curve(series.cpu_cores, x, cpu, step_s, class_="cpu"),
        *held,
        left_axis(lower, memory, label="", shown=number, about=4),
        text("MiB", 4, lower.y1 - 14),
        _curve(
            [m / (1 << 20) for m in series.mem_bytes], x, memory, step_s, class_="mem"
        ),
        bottom_axis(lower, x, label="minutes of the run", shown=lambda m: f"{m:g}"),
        legend(
            upper,
            [("CPU", "cpu", ""), ("throttled, share of time", "throttled", "area")],
            start=upper.x0 + 60,
        ),
    ]
    if cpu_limit is not None:
        marks.append(
            rule_y(
                upper,
                cpu(cpu_limit),
                name=f"limit {number(cpu_limit)}",
                class_="limit",
                below=True,
            )
        )
    if mem_limit is not None:
        limit = mem_limit / (1 << 20)
        marks.append(
            rule_y(
                lower,
                memory(limit),
                name=f"limit {memory_text(mem_limit)}",
                class_="limit",
                below=True,
            )
        )
    return Frame(height=356).draw(
        *marks, label=f"CPU and memory of {name} over the run"
    )


def _curve(
    values: Sequence[float], x: Linear, y: Linear, step_s: float, *, class_: str
) -> Drawing:
    return line(
        [(x((at + 0.5) * step_s / 60), y(v)) for at, v in thinned(values, _POINTS)],
        class_=class_,
    )


def _area(
    values: Sequence[float], x: Linear, y: Linear, step_s: float, *, class_: str
) -> Drawing:
    if not any(values):
        return ""
    points = [(x((at + 0.5) * step_s / 60), y(v)) for at, v in thinned(values, _POINTS)]
    return steps(points, base=y(0), class_=class_)

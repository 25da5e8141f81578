"""The disk over the days to come, with the plateau of the retention (pure)."""

from __future__ import annotations

from ...document import Report
from ..svg import (
    Frame,
    Linear,
    area,
    bottom_axis,
    left_axis,
    line,
    rule_x,
    rule_y,
)
from ..words import bytes_text, days_text, number, percent, rate
from .base import Chart

__all__ = ["draw_disk"]

_GB = 1e9


def draw_disk(report: Report) -> Chart | None:
    """Draw bytes on disk over days, what is free, and when it is full."""
    found = report.storage
    if found is None or len(found.forecast) < 2:
        return None
    free = report.environment.disk.free
    usable = free * report.model.headroom.disk
    frame = Frame()
    most = max(point.hi for point in found.forecast)
    x = Linear(
        low=0, high=max(p.days for p in found.forecast), start=frame.x0, end=frame.x1
    )
    # A disk far larger than all data would press the curve to the floor.
    shown = min(max(most, usable), 4 * most)
    y = Linear.covering(shown / _GB * 1.06, start=frame.y0, end=frame.y1)

    def along(name: str) -> list[tuple[float, float]]:
        return [(x(p.days), y(getattr(p, name) / _GB)) for p in found.forecast]

    marks = [
        left_axis(frame, y, label="GB", shown=number),
        area(along("hi"), along("lo"), class_="between"),
        line(along("bytes"), class_="disk"),
        bottom_axis(frame, x, label="days", shown=lambda d: f"{d:g}"),
    ]
    share = percent(report.model.headroom.disk, 2)
    for value, name, class_, at in (
        (float(free), "free", "limit", "end"),
        (usable, f"full at {share} of it", "limit soft", "end"),
        (found.plateau_bytes, "retention reached", "faint", "start"),
    ):
        if value is not None and value / _GB <= y.high:
            marks.append(
                rule_y(
                    frame,
                    y(value / _GB),
                    name=f"{name}: {bytes_text(value)}",
                    class_=class_,
                    at=at,
                    below=class_ == "limit soft",
                )
            )
    if found.days_to_full is not None and found.days_to_full <= x.high:
        marks.append(
            rule_x(
                frame,
                x(found.days_to_full),
                name=f"full in {days_text(found.days_to_full)}",
                class_="bad",
            )
        )
    kept = days_text(found.retention_days) if found.retention_days else "for ever"
    above = (
        "" if free / _GB <= y.high else f" Free are {bytes_text(free)}, off the chart."
    )
    return Chart(
        title="Disk",
        note=f"At {rate(found.rate_eps)}, kept {kept} and up to "
        f"{days_text(found.shard_days)} more (a shard goes as a whole); "
        f"{number(found.bytes_per_point.cold)} bytes a point compacted, "
        f"{number(found.bytes_per_point.hot)} before. Extrapolated from: "
        f"{found.method}.{above}",
        wide=frame.draw(*marks, label="Forecast of the disk"),
    )

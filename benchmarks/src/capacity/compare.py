"""Two reports side by side: what became better or worse, or is not known (pure).

Two runs at different times are a weaker proof than an interleaved one, which
`capacity.gate` judges. So an interval here is the widest that the two reports allow,
and what it does not settle is undecided.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any, Final

from .document import Direct, Gate, Report, Stage, Status
from .gate import THRESHOLDS, Metric
from .report.words import bytes_text, milliseconds, number, per_event, rate

__all__ = ["Comparison", "Figures", "Overall", "compare", "judged", "table"]

_RATES_ALIKE: Final = 0.1
_DIRECT_ALIKE: Final = 0.05
_DISK: Final = 0.10
_NINETY_FIVE: Final = 1.96


class Overall(StrEnum):
    """What the comparison says as a whole."""

    SAME = "same"
    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One figure of both reports; `ratio` is the new one divided by the base."""

    metric: str
    base: str
    new: str
    ratio: float
    ci: tuple[float, float]
    gate: Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two reports say together; `reasons` tell why they cannot be compared."""

    base_id: str
    new_id: str
    figures: tuple[Figures, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def overall(self) -> Overall:
        """The worst of the figures; CPU per event alone is enough for it."""
        if self.reasons or not self.figures:
            return Overall.NOT_COMPARABLE
        gates = {figure.gate for figure in self.figures}
        for gate, overall in (
            (Gate.WORSE, Overall.WORSE),
            (Gate.UNDECIDED, Overall.UNDECIDED),
            (Gate.BETTER, Overall.BETTER),
        ):
            if gate in gates:
                return overall
        return Overall.SAME

    def document(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return {
            "base": self.base_id,
            "new": self.new_id,
            "overall": str(self.overall),
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "ratios": [
                {
                    "metric": figure.metric,
                    "value": round(figure.ratio, 4),
                    "ci": [round(end, 4) for end in figure.ci],
                    "gate": str(figure.gate),
                }
                for figure in self.figures
            ],
        }


def compare(base: Report, new: Report) -> Comparison:
    """Compare two reports of the same host and load."""
    reasons = tuple(_reasons(base, new))
    figures = () if reasons else tuple(_figures(base, new))
    if not reasons and not figures:
        reasons = ("they have no figure in common",)
    return Comparison(
        base_id=base.run.id,
        new_id=new.run.id,
        figures=figures,
        reasons=reasons,
        notes=() if reasons else tuple(_notes(base, new)),
    )


def judged(
    ratio: float, ci: tuple[float, float], *, threshold: float, higher_is_better: bool
) -> Gate:
    """Judge a ratio: it must be beyond the threshold, and its interval beyond 1."""
    gain = ratio - 1 if higher_is_better else 1 - ratio
    low, high = ci
    if abs(gain) < threshold:
        # A wide interval around 1 settles nothing.
        wide = low < 1 - 2 * threshold or high > 1 + 2 * threshold
        return Gate.UNDECIDED if wide else Gate.SAME
    if low <= 1 <= high:
        return Gate.UNDECIDED
    return Gate.BETTER if gain > 0 else Gate.WORSE


def table(comparison: Comparison) -> str:
    """Return the comparison for a terminal."""
    lines = [f"base  {comparison.base_id}", f"new   {comparison.new_id}", ""]
    if comparison.reasons:
        lines.append("not comparable:")
        lines += [f"    {reason}" for reason in comparison.reasons]
        return "\n".join(lines)
    rows = [
        (f.metric, f.base, f.new, f"{f.ratio:.3f}", f"{f.ci[0]:.3f} to {f.ci[1]:.3f}")
        for f in comparison.figures
    ]
    head = ("", "base", "new", "ratio", "interval")
    wide = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row, gate in zip(
        (head, *rows), ("", *(str(f.gate) for f in comparison.figures)), strict=True
    ):
        cells = [row[0].ljust(wide[0])]
        cells += [
            cell.rjust(size) for cell, size in zip(row[1:], wide[1:], strict=True)
        ]
        lines.append("  ".join([*cells, gate]).rstrip())
    lines += ["", *comparison.notes, f"overall: {comparison.overall}"]
    return "\n".join(lines)


def _reasons(base: Report, new: Report) -> Iterator[str]:
    for which, report in (("base", base), ("new", new)):
        if report.verdict.status is Status.INVALID:
            yield f"the {which} run is not valid"
    old, fresh = base.environment.fingerprint_sha, new.environment.fingerprint_sha
    if old != fresh:
        yield f"the hosts differ: fingerprint {old[:12]}, and {fresh[:12]}"
    for name in (
        "entities",
        "arrival",
        "entry",
        "event_bytes",
        "period_s",
        "trace",
        "entity_growth",
    ):
        before, after = getattr(base.workload, name), getattr(new.workload, name)
        if before != after:
            yield f"the loads differ: {name} {before}, and {after}"
    for name in ("p", "limit_ms", "loss", "backlog_slope"):
        before, after = getattr(base.slo, name), getattr(new.slo, name)
        if before != after:
            yield f"the objectives differ: {name} {before}, and {after}"


def _figures(base: Report, new: Report) -> Iterator[Figures]:
    yield from _cpu(base, new)
    yield from _p99(base, new)
    yield from _edge(base, new)
    yield from _disk(base, new)


def _cpu(base: Report, new: Report) -> Iterator[Figures]:
    names = {d.container for d in base.model.demand} & {
        d.container for d in new.model.demand
    }
    # First, as it moves least with what else the host does.
    old, fresh = _demand(base, names), _demand(new, names)
    if not names or min(*old, *fresh) <= 0:
        return
    ratio, ci = _ratio(old, fresh)
    yield Figures(
        metric="CPU per event",
        base=per_event(old[1]),
        new=per_event(fresh[1]),
        ratio=ratio,
        ci=ci,
        gate=judged(
            ratio,
            ci,
            threshold=THRESHOLDS[Metric.CPU_PER_EVENT],
            higher_is_better=False,
        ),
    )


def _demand(report: Report, names: set[str]) -> tuple[float, float, float]:
    chosen = [d for d in report.model.demand if d.container in names]
    return (
        sum(d.ci[0] for d in chosen),
        sum(d.cpu_s_per_event for d in chosen),
        sum(d.ci[1] for d in chosen),
    )


def _p99(base: Report, new: Report) -> Iterator[Figures]:
    old, fresh = _blocks(base), _blocks(new)
    if old is None or fresh is None or not _alike(base, new):
        return
    ratio, ci = _ratio(old, fresh)
    yield Figures(
        metric="p99 at the sustained rate",
        base=milliseconds(old[1]),
        new=milliseconds(fresh[1]),
        ratio=ratio,
        ci=ci,
        gate=judged(
            ratio, ci, threshold=THRESHOLDS[Metric.P99], higher_is_better=False
        ),
    )


def _alike(base: Report, new: Report) -> bool:
    old, fresh = base.verdict.sustained_eps, new.verdict.sustained_eps
    return bool(old and fresh and abs(fresh / old - 1) <= _RATES_ALIKE)


def _blocks(report: Report) -> tuple[float, float, float] | None:
    """Return low end, median and high end of the blocks' p99 at the sustained rate."""
    trial = report.sustained
    if trial is None or Stage.TOTAL not in trial.latency:
        return None
    values = sorted(block.p99 for block in trial.blocks if block.p99 > 0)
    count = len(values)
    if count < 6:
        return None
    # The median lies between these ranks with 95 % (binomial, by its normal).
    reach = _NINETY_FIVE * math.sqrt(count) / 2
    low = max(0, math.floor(count / 2 - reach))
    high = min(count - 1, math.ceil(count / 2 + reach))
    return values[low], median(values), values[high]


def _edge(base: Report, new: Report) -> Iterator[Figures]:
    old, fresh = base.verdict.edge, new.verdict.edge
    if old is None or fresh is None or old.upper is None or fresh.upper is None:
        return
    ratio = math.sqrt(fresh.lower * fresh.upper / (old.lower * old.upper))
    ci = (fresh.lower / old.upper, fresh.upper / old.lower)
    yield Figures(
        metric="edge",
        base=rate(math.sqrt(old.lower * old.upper)),
        new=rate(math.sqrt(fresh.lower * fresh.upper)),
        ratio=ratio,
        ci=ci,
        gate=judged(
            ratio, ci, threshold=THRESHOLDS[Metric.CAPACITY], higher_is_better=True
        ),
    )


def _disk(base: Report, new: Report) -> Iterator[Figures]:
    if base.storage is None or new.storage is None:
        return
    old, fresh = base.storage.bytes_per_point.cold, new.storage.bytes_per_point.cold
    ratio = fresh / old
    yield Figures(
        metric="bytes per point, compacted",
        base=bytes_text(old),
        new=bytes_text(fresh),
        ratio=ratio,
        ci=(ratio, ratio),
        gate=judged(ratio, (ratio, ratio), threshold=_DISK, higher_is_better=False),
    )


def _ratio(
    base: tuple[float, float, float], new: tuple[float, float, float]
) -> tuple[float, tuple[float, float]]:
    """Return the ratio of two figures and the widest interval theirs allow."""
    return new[1] / base[1], (new[0] / base[2], new[2] / base[0])


def _notes(base: Report, new: Report) -> Iterator[str]:
    if not _alike(base, new):
        old, fresh = base.verdict.sustained_eps, new.verdict.sustained_eps
        said = " and ".join(
            "none" if eps is None else number(eps) for eps in (old, fresh)
        )
        yield f"p99 is left out: the sustained rates differ too much ({said})"
    if base.speed is not None and new.speed is not None:
        yield from _of_direct(base.speed.direct, new.speed.direct)


def _of_direct(base: Direct | None, new: Direct | None) -> Iterator[str]:
    """Yield what the database alone says of the two hosts."""
    if base is None or new is None:
        return
    ratio = new.lines_per_s / base.lines_per_s
    if abs(ratio - 1) > _DIRECT_ALIKE:
        yield (
            f"past the services InfluxDB took {number(new.lines_per_s)} instead of"
            f" {number(base.lines_per_s)} lines/s, {ratio:.2f} times as many: that much"
            " of a difference is the host's or InfluxDB's, not that of the services"
        )

"""A gate's figures and its verdict as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from statistics import fmean
from typing import Final

import numpy as np

from ..report.words import milliseconds, per_event
from .ratios import Metric, Pair, Ratio, ratio_of
from .sample import Sample
from .verdict import Finding, GateResult, Verdict

__all__ = ["sentence_of", "table_of"]

_NAMES: Final = {
    Metric.CPU_PER_EVENT: "CPU per event",
    Metric.P99: "p99",
    Metric.CAPACITY: "capacity",
}
_SENTENCES: Final = {
    Verdict.PASS: "not worse",
    Verdict.CONFIRM: "worse, not confirmed yet",
    Verdict.FAIL: "worse, and fresh pairs confirm it",
    Verdict.INCONCLUSIVE: "undecided: too few valid pairs, or the base fails as well",
    Verdict.NOT_COMPARABLE: "not comparable: the host was changed between the trials",
}


def sentence_of(result: GateResult, first: GateResult | None) -> str:
    """Return the verdict as one sentence."""
    said = _SENTENCES[result.verdict]
    if result.verdict is Verdict.PASS and first is not None:
        return f"{said}: fresh pairs do not confirm what the first ones showed"
    if result.verdict is Verdict.INCONCLUSIVE and first is not None:
        return "undecided: the fresh pairs are too few or too noisy to confirm it"
    if result.verdict is Verdict.PASS and any(f.better for f in result.findings):
        names = (_NAMES[f.metric] for f in result.findings if f.better)
        return f"better in {' and '.join(names)}"
    return said


def table_of(
    result: GateResult, base: Sequence[Sample], new: Sequence[Sample]
) -> list[str]:
    """Return the lines of a table: what is judged, then each container's CPU time."""
    rows: list[tuple[str, ...]] = [("", "base", "new", "ratio", "95 % interval", "")]
    decided = result.verdict is not Verdict.INCONCLUSIVE
    rows += [_judged(found, base, new, decided=decided) for found in result.findings]
    rows += _containers(base, new)
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(size) for cell, size in zip(row[1:5], wide[1:5], strict=True)
        ]
        lines.append("  ".join([row[0].ljust(wide[0]), *cells, row[5]]).rstrip())
    if result.base_failures or result.new_failures:
        why = sorted({why for s in chain(base, new) for why in s.reasons})
        lines.append(
            f"trials that did not carry the load: base {result.base_failures}, "
            f"new {result.new_failures} ({', '.join(why)})"
        )
    return lines


def _judged(
    found: Finding, base: Sequence[Sample], new: Sequence[Sample], *, decided: bool
) -> tuple[str, ...]:
    said = "worse" if found.worse else "better" if found.better else "same"
    said = said if decided else ""
    if said == "same" and found.ratio.high > 1 + 2 * found.threshold:
        said = f"same, but up to {found.ratio.high - 1:.0%} worse would not show"
    return (
        _NAMES[found.metric],
        _text(found.metric, [s.metrics.get(found.metric, 0.0) for s in base]),
        _text(found.metric, [s.metrics.get(found.metric, 0.0) for s in new]),
        f"{found.ratio.value:.3f}",
        _interval(found.ratio),
        said,
    )


def _containers(
    base: Sequence[Sample], new: Sequence[Sample]
) -> Iterator[tuple[str, ...]]:
    both = (sample.cpu.keys() for sample in chain(base, new))
    first = next(both, None)
    names = set(first or ()).intersection(*both)
    random = np.random.default_rng(1)
    for name in sorted(names):
        old, fresh = [s.cpu[name] for s in base], [s.cpu[name] for s in new]
        if min(*old, *fresh) <= 0:
            continue
        pairs = [
            Pair(base={Metric.CPU_PER_EVENT: a}, new={Metric.CPU_PER_EVENT: b})
            for a, b in zip(old, fresh, strict=True)
        ]
        ratio = ratio_of(pairs, Metric.CPU_PER_EVENT, random) if pairs[1:] else None
        yield (
            f"  {name}",
            per_event(_mean(old)),
            per_event(_mean(fresh)),
            f"{_mean(fresh) / _mean(old):.3f}",
            "" if ratio is None else _interval(ratio),
            "",
        )


def _text(metric: Metric, values: Sequence[float]) -> str:
    mean = _mean(values)
    match metric:
        case Metric.CPU_PER_EVENT:
            return per_event(mean)
        case Metric.P99:
            return milliseconds(1000 * mean)
        case Metric.CAPACITY:
            return f"{mean:.4g}/s"


def _interval(ratio: Ratio) -> str:
    return f"{ratio.low:.3f} to {ratio.high:.3f}"


def _mean(values: Sequence[float]) -> float:
    """Return the geometric mean of those above 0; ratios are of it."""
    logs = [math.log(value) for value in values if value > 0]
    return math.exp(fmean(logs)) if logs else 0.0

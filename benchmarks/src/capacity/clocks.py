"""The stages' clocks: histograms of µs that come in blocks and are added up. Pure.

enrichment-pipeline keeps a histogram for each stage and hands out what was recorded
since the last call, so a block is what two calls lie apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from .errors import BadAnswer
from .trial import Block, Quantiles, Stage

__all__ = [
    "STAGES",
    "Taken",
    "blocks_of",
    "late",
    "longest",
    "mean",
    "merged",
    "quantile",
    "quantiles",
    "values",
]

STAGES: Final = {
    "received": Stage.HA_TO_INGEST,
    "queued": Stage.INGEST_TO_ENRICH,
    "written": Stage.ENRICH_TO_STORED,
    "total": Stage.TOTAL,
}
"""What enrichment-pipeline calls a stage, and what it is called here."""
_LONGEST_US: Final = 120_000_000
_DIGITS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One answer of `POST /v1/latency/take`: encoded histograms by stage."""

    negative: int = 0
    counts: Mapping[Stage, int]
    blobs: Mapping[Stage, str]

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Taken:
        """Return what an answer holds.

        Raises:
            BadAnswer: it is of another shape.
        """
        try:
            stages = {STAGES[name]: row for name, row in answer["stages"].items()}
            return cls(
                negative=int(answer["negative"]),
                counts={stage: int(row["count"]) for stage, row in stages.items()},
                blobs={stage: str(row["hdr"]) for stage, row in stages.items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise BadAnswer("POST /v1/latency/take", repr(err)) from err


def merged(takes: Iterable[Taken], stage: Stage) -> HdrHistogram:
    """Return the sum of a stage's histograms; nothing is lost by adding."""
    whole = HdrHistogram(1, _LONGEST_US, _DIGITS)
    for taken in takes:
        if blob := taken.blobs.get(stage):
            whole.add(HdrHistogram.decode(blob))
    return whole


def quantiles(histogram: HdrHistogram) -> Quantiles | None:
    """Return the distribution in seconds, None where nothing was recorded."""
    if not histogram.get_total_count():
        return None

    return Quantiles(
        mean=mean(histogram),
        p50=quantile(histogram, 0.5),
        p90=quantile(histogram, 0.9),
        p99=quantile(histogram, 0.99),
        p999=quantile(histogram, 0.999),
        max=longest(histogram),
    )


def quantile(histogram: HdrHistogram, share: float) -> float:
    """Return the time in seconds that this share of events did not exceed."""
    return float(histogram.get_value_at_percentile(100 * share)) / 1e6


def longest(histogram: HdrHistogram) -> float:
    """Return the longest time in seconds."""
    return float(histogram.get_max_value()) / 1e6


def values(histogram: HdrHistogram) -> Iterator[tuple[int, int]]:
    """Yield each recorded value in µs, and how many events had it."""
    if not histogram.get_total_count():
        return
    last = histogram.get_counts_array_index(int(histogram.get_max_value()))
    # The library's own iterators take ten times as long over the empty places.
    for place in range(last + 1):
        if count := int(histogram.get_count_at_index(place)):
            value = histogram.get_value_from_index(place)
            yield int(histogram.get_highest_equivalent_value(value)), count


def mean(histogram: HdrHistogram) -> float:
    """Return the mean in seconds, each event in the middle of its bucket's values."""
    whole = 0
    for value, count in values(histogram):
        lowest = int(histogram.get_lowest_equivalent_value(value))
        whole += count * (lowest + (value - lowest + 1) // 2)
    return float(whole / histogram.get_total_count() / 1e6)


def late(histogram: HdrHistogram, limit: float) -> int:
    """Return how many events took longer than the limit, in seconds.

    Only what lies beyond the limit is looked at: mostly nothing does.
    """
    place = histogram.get_counts_array_index
    most = int(limit * 1e6)
    first = place(most) + (histogram.get_highest_equivalent_value(most) <= limit * 1e6)
    last = place(int(histogram.get_max_value()))
    return sum(histogram.get_count_at_index(at) for at in range(first, last + 1))


def blocks_of(
    dues: Sequence[int], missed: Sequence[int], *, unstored: int
) -> tuple[Block, ...]:
    """Return the blocks of a window from what was due and what came too late in each.

    What is not stored by the window's end and the limit counts as missed in the last
    blocks. What was missed in a block beyond what was due in it was due before.
    """
    left = list(missed)
    left[-1] += unstored
    found: list[Block] = []
    over = 0
    for due, late_ones in zip(reversed(dues), reversed(left), strict=True):
        wanted = late_ones + over
        counted = min(due, wanted)
        over = wanted - counted
        found.append(Block(due=due, in_time=due - counted))
    return tuple(reversed(found))

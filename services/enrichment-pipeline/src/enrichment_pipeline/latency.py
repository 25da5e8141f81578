"""How old live events are at each stage, as histograms that can be merged.

Events of one frame were fired within some milliseconds of each other; they count with
the age of the oldest. Times of Home Assistant and of this host are compared, so a clock
that is off shows: a negative age is counted apart and recorded as none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from servicekit.health import iso

__all__ = ["Age", "Latency"]

_LONGEST_US: Final = 120_000_000
_DIGITS: Final = 3
_RECEIVED: Final = "received"
_QUEUED: Final = "queued"
_WRITTEN: Final = "written"
_TOTAL: Final = "total"


class Age(NamedTuple):
    """The events of one live frame; times are UTC in µs.

    `fired_us` is that of its oldest event, `received_us` when ingestion had it.
    """

    events: int
    fired_us: int
    received_us: int


class Latency:
    """The ages of what was written since somebody took them last.

    The stages are *received* (fired to received by ingestion), *queued* (to its
    arrival here), *written* (to InfluxDB's answer), and *total*.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._since = clock()
        self._negative = 0
        self._stages = _empty()

    def record(self, ages: Sequence[Age], *, arrived: float, written: float) -> None:
        """Take the frames of a batch; both times are UTC in seconds."""
        arrived_us, written_us = int(arrived * 1e6), int(written * 1e6)
        for age in ages:
            self._add(_RECEIVED, age.received_us - age.fired_us, age.events)
            self._add(_QUEUED, arrived_us - age.received_us, age.events)
            self._add(_TOTAL, written_us - age.fired_us, age.events)
        events = sum(age.events for age in ages)
        if events:
            self._add(_WRITTEN, written_us - arrived_us, events)

    def take(self) -> dict[str, Any]:
        """Return what was recorded since the last time, and start anew.

        `hdr` is a histogram of µs in HdrHistogram's own encoding, as base64.
        """
        since, stages, negative = self._since, self._stages, self._negative
        self._since, self._stages, self._negative = self._clock(), _empty(), 0
        return {
            "since": iso(since),
            "until": iso(self._since),
            "negative": negative,
            "stages": {
                name: {
                    "count": histogram.get_total_count(),
                    "hdr": histogram.encode().decode("ascii"),
                }
                for name, histogram in stages.items()
            },
        }

    def _add(self, stage: str, age_us: int, events: int) -> None:
        if age_us < 0:
            self._negative += events
        self._stages[stage].record_value(min(max(age_us, 1), _LONGEST_US), events)


def _empty() -> dict[str, HdrHistogram]:
    return {
        name: HdrHistogram(1, _LONGEST_US, _DIGITS)
        for name in (_RECEIVED, _QUEUED, _WRITTEN, _TOTAL)
    }

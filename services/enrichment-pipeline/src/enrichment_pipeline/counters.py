"""What the service has done since it started, for /v1/stats and /metrics."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric

from servicekit.metrics import counter
from servicekit.wire import Outcome

from .errors import Unavailable

__all__ = ["Counters", "EventCounts", "RetryCounts"]


class EventCounts(Struct, kw_only=True):
    """Events of acknowledged batches, and those stored beyond the sender's count."""

    written: int = 0
    merged: int = 0
    dead_lettered: int = 0
    expired: int = 0
    surplus: int = 0


class RetryCounts(Struct, kw_only=True):
    """Dead letters that were tried again; `retried` is the sum of the others.

    A stored or expired one has left the file. The sender counted its events as
    dead-lettered, which stays so.
    """

    retried: int = 0
    stored: int = 0
    expired: int = 0
    refused: int = 0
    unusable: int = 0


class Counters:
    """Counts since the start of the process; the durable ones are the sender's."""

    def __init__(self) -> None:
        self.events = EventCounts()
        self.retried = RetryCounts()
        self.acknowledged = 0
        self.refused: dict[Unavailable, int] = dict.fromkeys(Unavailable, 0)
        self.seconds_busy = 0.0

    def acknowledge(self, outcome: Outcome, surplus: int, seconds: float) -> None:
        """Count a batch that was answered with its outcome."""
        self.acknowledged += 1
        self.seconds_busy += seconds
        self.events.written += outcome.written
        self.events.merged += outcome.merged
        self.events.dead_lettered += outcome.dead_lettered
        self.events.expired += outcome.expired
        self.events.surplus += surplus

    def refuse(self, code: Unavailable) -> None:
        """Count a batch that the sender has to keep."""
        self.refused[code] += 1

    def retry(self, done: RetryCounts) -> None:
        """Count dead letters that were tried again."""
        for name in done.__struct_fields__:
            before: int = getattr(self.retried, name)
            setattr(self.retried, name, before + getattr(done, name))

    def metrics(self) -> Iterable[Metric]:
        """Return the counts as Prometheus metrics."""
        events = CounterMetricFamily(
            "ha_ingestor_enrichment_events",
            "Events of acknowledged batches by what became of them.",
            labels=["outcome"],
        )
        for name in self.events.__struct_fields__:
            events.add_metric([name], getattr(self.events, name))
        yield events
        refused = CounterMetricFamily(
            "ha_ingestor_enrichment_batches_refused",
            "Batches answered with 503 by its code.",
            labels=["code"],
        )
        for code, count in self.refused.items():
            refused.add_metric([code], count)
        yield refused
        retried = CounterMetricFamily(
            "ha_ingestor_dead_letters_retried",
            "Dead letters tried again by what became of them.",
            labels=["outcome"],
        )
        for name in self.retried.__struct_fields__[1:]:
            retried.add_metric([name], getattr(self.retried, name))
        yield retried
        yield counter(
            "ha_ingestor_enrichment_batches_acknowledged",
            "Batches stored completely.",
            self.acknowledged,
        )
        yield counter(
            "ha_ingestor_enrichment_batch_seconds",
            "Time from a batch's arrival to its answer, summed up.",
            self.seconds_busy,
        )

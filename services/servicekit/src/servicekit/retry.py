"""When to try again: delays as data, answers of InfluxDB as verdicts. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from enum import StrEnum
from http import HTTPStatus
from typing import Final

__all__ = ["REPEATS_BEFORE_BISECT", "Verdict", "classify", "delays"]

REPEATS_BEFORE_BISECT: Final = 5
"""Identical 500s before a batch is suspected: InfluxDB also answers 500 to a
body it can never accept, such as a corrupt gzip stream."""


class Verdict(StrEnum):
    """What to do with a batch after InfluxDB's answer."""

    DONE = "done"
    PARTIAL = "partial"
    BISECT = "bisect"
    HALVE = "halve"
    RETRY = "retry"
    PAUSE = "pause"


def classify(status: int, *, repeated: int = 0) -> Verdict:
    """Return what to do after the HTTP `status` of a write.

    Args:
        status: HTTP status that InfluxDB 2.7 (or a proxy before it) answered.
        repeated: how often the same batch got the same status just before.

    2xx is done. 422 is applied but for the points it names. 400 applied nothing:
    bisect to the bad line. 413 (from a proxy) asks for smaller bodies. 408, 429
    and 5xx pass; the same 500 again and again does not, so it is bisected.
    Everything else (401, 403, 404, redirects) is configuration: pause and alarm.
    """
    match status:
        case 200 | 201 | 202 | 204:
            return Verdict.DONE
        case 422:
            return Verdict.PARTIAL
        case 400:
            return Verdict.BISECT
        case 413:
            return Verdict.HALVE
        case 500 if repeated >= REPEATS_BEFORE_BISECT:
            return Verdict.BISECT
        case 408 | 429:
            return Verdict.RETRY
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Verdict.RETRY
        case _:
            return Verdict.PAUSE


def delays(
    first: float,
    ceiling: float,
    *,
    factor: float = 2.0,
    jitter: Callable[[], float] = random.random,
) -> Iterator[float]:
    """Yield seconds to wait before each further attempt, for ever.

    The bound grows from `first` by `factor` to `ceiling`; each delay lies between
    half of its bound and the bound, placed by `jitter` (0 ≤ jitter < 1), so that
    clients that failed together do not come back together.
    """
    bound = first
    while True:
        yield bound * (0.5 + 0.5 * jitter())
        bound = min(bound * factor, ceiling)

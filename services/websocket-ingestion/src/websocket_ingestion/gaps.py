"""What Home Assistant did while nobody stored it, and how it was filled. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

__all__ = ["MOST_EXAMPLES", "Gap", "GapTotals"]

MOST_EXAMPLES: Final = 20
"""So many entities are named in a gap; the others are only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch of time of which changes may be missing; times are UTC in µs.

    `opened_us` and `closed_us` are by our clock, `from_us` (the last event that
    was durable before) and `until_us` (the newest change at the subscription, None
    until that is known) by Home Assistant's. `entities` changed in the gap,
    `expected` changes are known to have been missed, `recovered` of them are
    stored now. Of `unrecoverable` entities changes may be missing for good:
    `reasons` counts why, `examples` names some.
    """

    id: int
    cause: str
    opened_us: int
    from_us: int
    until_us: int | None
    closed_us: int | None = None
    entities: int = 0
    expected: int = 0
    recovered: int = 0
    unrecoverable: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


class GapTotals(NamedTuple):
    """All gaps since the spool was made; `open` and `closed` count gaps."""

    open: int = 0
    closed: int = 0
    expected: int = 0
    recovered: int = 0
    unrecoverable: int = 0

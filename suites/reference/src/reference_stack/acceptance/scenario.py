"""What may be done to a stack while events flow: a scenario, and what it promises."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ..project import SourceKind

if TYPE_CHECKING:
    from .world import World

Fault = Callable[["World"], AbstractContextManager[None]]
"""Does harm, lets the body run, and heals; what it saw it tells the world."""


class Subscription(StrEnum):
    """What a scenario does to the subscription at Home Assistant."""

    HOLDS = "holds"
    BREAKS = "breaks"
    MAY_BREAK = "may break"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One thing that is done to the stack under traffic.

    Attributes:
        name: on the command line and in the report.
        title: what is done, as one sentence.
        fault: does it, and heals it.
        disturbance: what the sentence of a guarantee calls it; empty for none.
        hits: services whose guarantee it shows.
        source: what plays Home Assistant.
        subscription: what becomes of it, so what the gap ledger must hold.
        ready_seconds: the data path is ready again within this time of the cure.
        drain_seconds: all is stored within this time of being ready.
        forgets: the source itself loses events that were neither sent nor recorded.
        spoils: the stack is not used again.
        fast: part of the fast form.
        repeat: options that run it again; "" where its name is enough.
        option: the option that has to allow it.
    """

    name: str
    title: str
    fault: Fault = field(repr=False, compare=False)
    disturbance: str = ""
    hits: tuple[str, ...] = ()
    source: SourceKind = SourceKind.SIMULATOR
    subscription: Subscription = Subscription.HOLDS
    ready_seconds: float = 15.0
    drain_seconds: float = 60.0
    forgets: bool = False
    spoils: bool = False
    fast: bool = False
    repeat: str = ""
    option: str | None = None

    def __str__(self) -> str:
        return self.name

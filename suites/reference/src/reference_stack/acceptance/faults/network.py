"""Cut the network between two services: packets vanish in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stackproof import wait_until
from stackproof.faults.partition import Cut, cut_between

from ..scenario import Fault
from ..world import ADMIN, INGESTION, SOURCE, World

_NOTICE_SECONDS = 90.0
_EVERY_SECONDS = 0.2
_CUT_SECONDS = 12.0


def cut(one: str, other: str) -> Fault:
    """Return a fault that cuts a link for as long as it takes to be noticed."""

    @contextmanager
    def lose(world: World) -> Iterator[None]:
        link = f"{one} and {other}"
        noticed = _noticing(one)
        held: Cut | None = None
        with world.fault("cut", link, "packets vanish, and it is noticed") as note:
            with cut_between(world.proof, one, other) as held:
                told = noticed(world, other)
                world.await_emitted(_CUT_SECONDS / 2)
                yield
                world.await_emitted(_CUT_SECONDS / 2)
            note.saw(held.dropped, f"{held.dropped} packets vanished; {told}")

    return lose


def _noticing(one: str) -> Callable[[World, str], str]:
    if one == ADMIN:
        return _admin_says
    if one == INGESTION:
        return _ingestion_says
    return _written_stays


def _admin_says(world: World, other: str) -> str:
    """Wait until admin-api calls the other one not ready."""

    def told() -> str:
        rows = world.admin.get("/health")["services"]
        return next(str(row["status"]) for row in rows if row["name"] == other)

    def not_ready(status: str) -> bool:
        return status != "ready"

    status = wait_until(told, not_ready, timeout=_NOTICE_SECONDS, every=_EVERY_SECONDS)
    return f"admin-api called it {status}"


def _ingestion_says(world: World, other: str) -> str:
    """Wait until ingestion says why it is not ready."""

    def reasons() -> tuple[str, ...]:
        return tuple(reason["code"] for reason in world.stats()["reasons"])

    def about(codes: tuple[str, ...]) -> bool:
        wanted = "ha_" if other == SOURCE else "enrichment_"
        return any(code.startswith(wanted) for code in codes)

    codes = wait_until(reasons, about, timeout=_NOTICE_SECONDS, every=_EVERY_SECONDS)
    return f"ingestion gave {', '.join(codes)}"


def _written_stays(world: World, _other: str) -> str:
    """Wait until events pile up, as nothing gets through."""

    def pending() -> int:
        return world.count("pending")

    def piled(count: int) -> bool:
        return count >= world.rate * 5

    count = wait_until(pending, piled, timeout=_NOTICE_SECONDS, every=_EVERY_SECONDS)
    return f"{count} events were pending"

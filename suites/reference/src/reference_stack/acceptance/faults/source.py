"""Home Assistant itself: restarts, dies, goes silent, floods, changes its token."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stackproof import wait_until

from ..scenario import Fault
from ..world import INGESTION, SOURCE, World
from .ends import start_together, stop_together

_BACK_SECONDS = 90.0
_EVERY_SECONDS = 0.2
_STREAMING = "streaming"
_HOUR_US = 3_600_000_000
_TEN_YEARS_US = 10 * 365 * 24 * _HOUR_US
_EXPIRED_TURNS = 10
_EXPIRED_ENTITIES = 5
BURST_ENTITIES = 500


def await_subscription_after(world: World, harm: Callable[[], str]) -> str:
    """Do harm and wait until ingestion has subscribed anew; return what was seen."""
    before = world.stats()["connection"]["reconnects"]
    told = harm()

    def look() -> Any:
        return world.stats()["connection"]

    def again(seen: Any) -> bool:
        return bool(seen["reconnects"] > before and seen["phase"] == _STREAMING)

    seen = wait_until(look, again, timeout=_BACK_SECONDS, every=_EVERY_SECONDS)
    return (
        f"{told}; {seen['reconnects'] - before} new subscription, "
        f"after {seen['last_error']!r}"
    )


def restart(*, crash: bool = False) -> Fault:
    """Return a fault that restarts the scripted Home Assistant."""

    @contextmanager
    def down(world: World) -> Iterator[None]:
        def harm() -> str:
            lost = world.simulator.restart(crash=crash)
            note.heal()
            return f"{lost} rows of the recorder lost"

        kind = "SIGKILL" if crash else "restart"
        with world.fault(kind, SOURCE, "a new subscription") as note:
            note.saw(True, await_subscription_after(world, harm))
        yield

    return down


@contextmanager
def half_open(world: World) -> Iterator[None]:
    """Leave the connection open and dead, as a lost host does."""

    def harm() -> str:
        return f"{world.simulator.half_open()} connections dead"

    with world.fault("half-open connection", SOURCE, "a new subscription") as note:
        note.saw(True, await_subscription_after(world, harm))
    yield


def burst(count: int) -> Fault:
    """Return a fault that makes so many events in one turn of the event loop."""

    @contextmanager
    def flood(world: World) -> Iterator[None]:
        def harm() -> str:
            note.heal()
            world.traffic.burst(count)
            return f"{count} events in one turn"

        expected = "Home Assistant drops the subscriber; a new subscription"
        with world.fault("burst", SOURCE, expected) as note:
            note.saw(True, await_subscription_after(world, harm))
        yield

    return flood


@contextmanager
def token_renewed(world: World) -> Iterator[None]:
    """Revoke the token, then give ingestion a new one as its owner would."""
    with world.fault("revoked token", SOURCE, "ingestion says auth_invalid") as note:
        fresh = secrets.token_urlsafe(32)
        dropped = world.simulator.revoke(fresh)

        def reasons() -> frozenset[str]:
            return frozenset(reason["code"] for reason in world.stats()["reasons"])

        def refused(codes: frozenset[str]) -> bool:
            return "auth_invalid" in codes

        codes = wait_until(
            reasons, refused, timeout=_BACK_SECONDS, every=_EVERY_SECONDS
        )
        note.saw(dropped, f"{dropped} connections closed, told {', '.join(codes)}")
        world.await_emitted(2.0)
        yield
        file = world.stack.project.secrets / "ha_access_token"
        file.write_text(fresh, "utf-8")
        stop_together(world, (INGESTION,))
        start_together(world, (INGESTION,))


@contextmanager
def clock_steps(world: World) -> Iterator[None]:
    """Let the source's clock jump forth and back, and its connection break between."""
    expected = "times before and after each other's, and a new subscription"
    with world.fault("clock steps", SOURCE, expected) as note:
        now = time.time_ns() // 1000
        steps = (0, _HOUR_US, 1, -_HOUR_US, 2, 60_000_000, -60_000_000, 3)
        for turn, step in enumerate(steps):
            world.told += world.traffic.say(
                {
                    "entity_id": f"sensor.{world.traffic.run_id}_step{number}",
                    "state": f"{turn}.{number}",
                    "last_updated_us": now + step * (1 if abs(step) > 9 else 1000),
                }
                for number in range(10)
            )
            world.await_emitted(0.3)

        def harm() -> str:
            note.heal()
            return f"{world.simulator.cut()} connections cut after {len(steps)} steps"

        note.saw(True, await_subscription_after(world, harm))
    yield


@contextmanager
def expired_events(world: World) -> Iterator[None]:
    """Mix events into the stream that are older than the database keeps them.

    InfluxDB answers 422 for the whole batch and stores the rest of it.
    """
    expected = "events of ten years ago leave the source between the others"
    with world.fault("events beyond the retention", SOURCE, expected) as note:
        before = world.stats()["events"]["expired"]
        then = time.time_ns() // 1000 - _TEN_YEARS_US
        made = 0
        for turn in range(_EXPIRED_TURNS):
            made += len(
                world.simulator.emit(
                    [
                        {
                            "entity_id": f"sensor.expired_{number}",
                            "state": f"{turn}.{number}",
                            "last_updated_us": then + turn,
                            "record": False,
                        }
                        for number in range(_EXPIRED_ENTITIES)
                    ],
                    run_id="expired",
                )
            )
            world.await_emitted(0.2)
        world.await_progress("written", seconds=1.0)
        told = world.stats()["events"]["expired"] - before
        note.saw(
            made == _EXPIRED_TURNS * _EXPIRED_ENTITIES,
            f"{made} events of ten years ago, {told} of them counted as expired",
        )
        note.heal()
    yield


@contextmanager
def container_restart(world: World) -> Iterator[None]:
    """Stop the container of Home Assistant in order, and start it."""

    def harm() -> str:
        world.traffic.pause()
        stop_together(world, (SOURCE,))
        start_together(world, (SOURCE,))
        note.heal()
        return "stopped and started"

    with world.fault("restart", SOURCE, "a new subscription") as note:
        note.saw(True, await_subscription_after(world, harm))
        world.traffic.resume()
    yield

"""What an operator does: new images, a reboot, a restart of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from docker.errors import DockerException

from stackproof import Compose, wait_until
from stackproof.drills.layers import adverse_layers
from stackproof.drills.new_images import new_images
from stackproof.drills.returning import now_ns

from ...project import LONG_RUNNING
from ..world import SOURCE, World
from .ends import start_together, stop_together

_STARTED_SECONDS = 10.0
_EVERY_SECONDS = 0.05
_READY_SECONDS = 60.0
_ENGINE_SECONDS = 120.0


@contextmanager
def rolling_update(world: World) -> Iterator[None]:
    """Recreate each service with another image, one at a time; then roll back."""
    with new_images(world.proof) as other:
        for service in LONG_RUNNING:
            _recreate(world, other, service, "update")
        yield
    for service in LONG_RUNNING:
        _recreate(world, world.stack.compose, service, "rollback")


def _recreate(world: World, compose: Compose, service: str, what: str) -> None:
    before = world.proof.running(service)
    with world.fault(what, service, "another image runs") as note:
        compose.up(service, options=("--no-deps",))
        after = world.proof.running(service)
        images = [str(row.attrs["Image"])[7:19] for row in (before, after)]
        note.saw(images[0] != images[1], f"image {images[0]} became {images[1]}")
    world.await_ready(timeout=_READY_SECONDS)


@contextmanager
def reboot(world: World) -> Iterator[None]:
    """Stop all and start them in the worst order, each alone for a while."""
    order = adverse_layers(world.stack.model, LONG_RUNNING)
    told = ", then ".join(", ".join(layer) for layer in order)
    with world.fault("reboot", "all", f"starts in the order {told}") as note:
        stop_together(world, LONG_RUNNING)
        world.await_emitted(1.0)
        since = now_ns(world.proof)
        for layer in order:
            start_together(world, layer)
            await_starts(world, layer, since)
            world.await_emitted(2.0)
        started = list(dict.fromkeys(starts(world, since)))
        place = {name: number for number, layer in enumerate(order) for name in layer}
        turns = [place[name] for name in started if name in place]
        note.saw(turns == sorted(turns), f"started {', '.join(started)}")
    yield


@contextmanager
def engine_restart(world: World) -> Iterator[None]:
    """Restart the engine, and Home Assistant with it; it starts all by itself."""
    world.traffic.pause()
    before = {row.service: row.started_at for row in world.proof.containers()}
    with world.fault(
        "engine restart", "all", "each container has started anew"
    ) as note:
        world.proof.vantage.probe("engine", {}, timeout=_ENGINE_SECONDS)
        note.heal()
        wait_until(
            lambda: _answers(world), bool, timeout=_ENGINE_SECONDS, every=_EVERY_SECONDS
        )
        world.listen_again()

        def back() -> frozenset[str]:
            return frozenset(
                row.service
                for row in world.proof.containers()
                if row.running and row.started_at > before[row.service]
            )

        seen = wait_until(
            back,
            frozenset({*LONG_RUNNING, SOURCE}).issubset,
            timeout=_ENGINE_SECONDS,
            every=_EVERY_SECONDS,
        )
        note.saw(True, f"started anew: {', '.join(sorted(seen))}")
    world.await_ready(timeout=_ENGINE_SECONDS)
    world.traffic.resume()
    yield


def _answers(world: World) -> bool:
    try:
        return bool(world.stack.engine.ping())
    except (DockerException, requests.RequestException, OSError):
        return False


def starts(world: World, since_ns: int) -> list[str]:
    """Return the services that have started since a stamp, in order."""
    return [
        event.service
        for event in world.proof.events.events
        if event.action == "start" and event.time_ns > since_ns
    ]


def await_starts(world: World, services: tuple[str, ...], since_ns: int) -> None:
    """Wait until the record holds a start of each."""
    wait_until(
        lambda: frozenset(starts(world, since_ns)),
        frozenset(services).issubset,
        timeout=_STARTED_SECONDS,
        every=_EVERY_SECONDS,
    )

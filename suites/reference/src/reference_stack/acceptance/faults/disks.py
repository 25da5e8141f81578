"""Fill the disks of the database and of the spool, to the last byte."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from stackproof import wait_until
from stackproof.faults.crash import crashed
from stackproof.faults.disks import filled, free_bytes

from ...project import DATABASE
from ..world import INGESTION, World

_FULL_SECONDS = 8.0
_NOTICE_SECONDS = 60.0
_EVERY_SECONDS = 0.2
_ACCEPTING = "accepting"


@contextmanager
def database_full(world: World) -> Iterator[None]:
    """Let the database run out of disk; restart it hard when there is room again.

    InfluxDB 2.7 does not go on by itself: the writer of its log keeps the error until
    the process ends. The kill shows as well whether its log stands a torn tail.
    """
    folder = world.folder("influxdb_data")
    expected = "no byte free, nothing written, events pending, then exit code 137"
    with ExitStack() as restart, world.fault("full disk", DATABASE, expected) as note:
        with filled(folder) as taken:
            world.await_emitted(_FULL_SECONDS / 2)
            before = world.count("written")
            yield
            world.await_emitted(_FULL_SECONDS / 2)
            written, pending = world.count("written"), world.count("pending")
            free = free_bytes(folder)
        note.heal()
        crash = restart.enter_context(crashed(world.proof, DATABASE))
        deaths = crash.deaths(world.proof)
        note.saw(
            deaths and pending >= world.rate * _FULL_SECONDS / 2 and written == before,
            f"{taken} bytes filled, {free} free, {pending} events pending, written "
            f"went from {before} to {written}; {'; '.join(map(str, deaths))}",
        )


@contextmanager
def spool_full(world: World) -> Iterator[None]:
    """Let the spool run out of disk; events pile up at Home Assistant meanwhile."""
    folder = world.folder("ingestion_spool")
    expected = "the spool pauses and says why"

    def look() -> Any:
        return world.stats()

    def troubled(stats: Any) -> bool:
        return bool(
            stats["spool"]["state"] != _ACCEPTING
            and any("spool" in reason["code"] for reason in stats["reasons"])
        )

    with world.fault("full disk", INGESTION, expected) as note, filled(folder) as taken:
        seen = wait_until(look, troubled, timeout=_NOTICE_SECONDS, every=_EVERY_SECONDS)
        world.await_emitted(_FULL_SECONDS / 2)
        yield
        world.await_emitted(_FULL_SECONDS / 2)
        codes = ", ".join(reason["code"] for reason in seen["reasons"])
        state = seen["spool"]["state"]
        note.saw(True, f"{taken} bytes filled, the spool was {state}: {codes}")

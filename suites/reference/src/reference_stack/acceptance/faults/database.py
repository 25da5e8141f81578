"""Take the database away: stopped, frozen, or put back to an earlier point."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import requests

from stackproof import paused, wait_until
from stackproof.faults.crash import crashed

from ...errors import BadAnswer
from ...project import DATABASE
from ..backup import Backup, Influx
from ..scenario import Fault
from ..vitals import now_us
from ..world import ENRICHMENT, INGESTION, World
from .ends import start_together, stop_together

_NOTICE_SECONDS = 30.0
_EVERY_SECONDS = 0.2
_FREEZE_SECONDS = 15.0
_UP_SECONDS = 60.0
_CRASH_SECONDS = 5.0
_WAITING_SECONDS = 5.0
_STARTING = "starting"
_UNREACHABLE = "influxdb_unreachable"
_TEAR = r"""
cd /disk
last=$(ls -t engine/wal/*/*/*/_*.wal | head -1)
stat --format '%n %s' "$last"
printf '\1\0\0\23\210%256s' >> "$last"
stat --format '%s' "$last"
"""
"""The kind of the entry, its length of 5,000 bytes, and 256 of them."""


def stopped_for(seconds: float) -> Fault:
    """Return a fault that stops the database for so many seconds of traffic."""

    @contextmanager
    def stop(world: World) -> Iterator[None]:
        expected = f"{seconds:g} s of events pending, and ingestion says why"
        with world.fault("outage", DATABASE, expected) as note:
            try:
                stop_together(world, (DATABASE,))
                await_reason(world, _UNREACHABLE)
                world.await_emitted(seconds / 2)
                yield
                world.await_emitted(seconds / 2)
                pending = world.count("pending")
                note.saw(
                    pending >= world.rate * seconds * 0.9,
                    f"{pending} events pending, told as {_UNREACHABLE}",
                )
            finally:
                start_together(world, (DATABASE,))

    return stop


@contextmanager
def stopped_and_crashed(world: World) -> Iterator[None]:
    """Kill ingestion while the database is away: what waits, waits on its disk only."""
    expected = "events pending before the kill, and not fewer after it"
    with world.fault("SIGKILL in an outage", INGESTION, expected) as note:
        try:
            stop_together(world, (DATABASE,))
            await_reason(world, _UNREACHABLE)
            world.await_emitted(_CRASH_SECONDS)
            before = world.count("pending")
            with crashed(world.proof, INGESTION) as crash:
                deaths = crash.deaths(world.proof)
            wait_until(
                lambda: INGESTION in answering(world),
                bool,
                timeout=_UP_SECONDS,
                every=_EVERY_SECONDS,
            )
            world.await_emitted(_CRASH_SECONDS)
            yield
            after = world.count("pending")
            told = "; ".join(map(str, deaths))
            note.saw(
                deaths and 0 < before <= after,
                f"{before} events pending, then {told}, then {after} pending",
            )
        finally:
            start_together(world, (DATABASE,))


def answering(world: World) -> frozenset[str]:
    """Return the services of which the numbers can be had."""
    try:
        status = world.stats()["status"]
    except (BadAnswer, requests.RequestException):
        return frozenset()
    return frozenset() if status == _STARTING else frozenset({INGESTION})


@contextmanager
def frozen(world: World) -> Iterator[None]:
    """Freeze the database: it accepts connections and never answers."""
    expected = "nothing is written, events pile up"
    with (
        world.fault("freeze", DATABASE, expected) as note,
        paused(world.stack.compose, DATABASE),
    ):
        before = world.count("written")
        world.await_emitted(_FREEZE_SECONDS / 2)
        # What was under way when it froze may have been counted since.
        settled = world.count("written")
        yield
        world.await_emitted(_FREEZE_SECONDS / 2)
        written, pending = world.count("written"), world.count("pending")
        note.saw(
            written == settled and pending >= world.rate * _FREEZE_SECONDS / 2,
            f"written went from {before} to {settled} and stayed at {written}, "
            f"{pending} events pending",
        )


@contextmanager
def torn(world: World) -> Iterator[None]:
    """Leave half an entry at the end of the database's log, as a kill can do.

    InfluxDB 2.7 cuts that off when it starts, but goes on behind it, and at the next
    start it drops all that follows the hole: what is written between the two is lost,
    unless it begins another segment.
    """
    expected = "half an entry in the log, events written behind it, a second start"
    with world.fault("torn log", DATABASE, expected) as note:
        try:
            world.await_progress("written")
            stop_together(world, (DATABASE,))
            name, size, torn = _tear(world)
            start_together(world, (DATABASE,))
            written = world.count("written")
            world.await_more(lambda: world.count("written"), 3.0 * world.rate)
            yield
            stop_together(world, (DATABASE,))
            more = world.count("written") - written
        finally:
            start_together(world, (DATABASE,))
        note.saw(
            torn > size and more > 0,
            f"{torn - size} bytes of an entry behind {size} bytes of {name}, and "
            f"{more} events written between the two starts",
        )


@contextmanager
def restored(world: World) -> Iterator[None]:
    """Lose the database's disk, restore an earlier backup, replay what it lacks.

    Events that were received before the backup wait until it is done, as in an outage:
    they are stored after it, and only the replay can bring them back.
    """
    influx = Influx(
        url=lambda: world.endpoint(DATABASE).url(),
        token=world.stack.project.secret("influxdb_admin_token"),
    )
    expected = "fewer rows after the restore, and as many as before after the replay"
    with world.fault("restore of an earlier backup", DATABASE, expected) as note:
        with paused(world.stack.compose, ENRICHMENT):
            world.await_emitted(_WAITING_SECONDS)
            waiting = world.count("pending")
            taken_us = now_us()
            backup = influx.backup()
        world.await_more(lambda: world.count("written"), waiting + 3.0 * world.rate)
        yield
        had = _rows(world)
        stop_together(world, (DATABASE,))
        _wipe(world)
        start_together(world, (DATABASE,))
        wait_until(influx.answers, bool, timeout=_UP_SECONDS, every=_EVERY_SECONDS)
        left = _restore(world, influx, backup)
        replay = _replay(world, taken_us)
        note.saw(
            left < had and waiting > world.rate and replay > 0,
            f"{waiting} events waited during the backup, {had} rows before the loss, "
            f"{left} in the backup of {len(backup.shards)} shards, "
            f"{replay} events replayed",
        )


def await_reason(world: World, code: str) -> None:
    """Wait until websocket-ingestion gives a reason for not being ready."""

    def reasons() -> frozenset[str]:
        return frozenset(reason["code"] for reason in world.stats()["reasons"])

    def told(seen: frozenset[str]) -> bool:
        return code in seen

    wait_until(reasons, told, timeout=_NOTICE_SECONDS, every=_EVERY_SECONDS)


def _rows(world: World) -> int:
    return len(
        world.database.rows(world.traffic.pattern, since_us=world.traffic.since_us)
    )


def _wipe(world: World) -> None:
    """Empty the database's disk."""
    _on_disk(world, "rm -rf /disk/* && sync")


def _tear(world: World) -> tuple[str, int, int]:
    """Add half an entry to the database's log; return the file, and its two sizes."""
    name, before, after = _on_disk(world, _TEAR).split()
    return name, int(before), int(after)


def _on_disk(world: World, script: str) -> str:
    """Run a script in a container with the disk, as it is mounted in none now."""
    image = world.stack.model.services[DATABASE].image
    volume = f"{world.stack.project.name}_influxdb_data"
    output = world.stack.engine.containers.run(
        image,
        entrypoint=["bash", "-ec", script],
        volumes={volume: {"bind": "/disk", "mode": "rw"}},
        # What the image declares as volumes would stay behind without a name.
        tmpfs=dict.fromkeys(("/var/lib/influxdb2", "/etc/influxdb2"), ""),
        labels={"io.stackproof.run": world.stack.project.name},
        user="0",
        remove=True,
        network_disabled=True,
    )
    return bytes(output).decode()


def _restore(world: World, influx: Influx, backup: Backup) -> int:
    settings = world.stack.project.settings
    influx.set_up(
        org=settings["INFLUXDB_ORG"],
        bucket="scratch",
        username=settings["INFLUXDB_ADMIN_USERNAME"],
        password=world.stack.project.secret("influxdb_admin_password"),
    )
    influx.restore(backup)
    return _rows(world)


def _replay(world: World, since_us: int) -> int:
    since = datetime.fromtimestamp(since_us / 1e6, UTC).isoformat()
    answer = world.admin.post("/replay", {"since": since})
    return int(answer["replay"]["events"])

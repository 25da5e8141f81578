"""The look at InfluxDB and the dead letters while nothing else tells."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enrichment_pipeline.batch import Reject
from enrichment_pipeline.deadletters import DeadLetters
from enrichment_pipeline.errors import DeadLetterError, Reason
from enrichment_pipeline.influx_state import InfluxState
from enrichment_pipeline.watch import CHECK_EVERY_SECONDS, Watch
from servicekit.health import STARTING, Health, Status
from servicekit.influx import InfluxClient

if TYPE_CHECKING:
    from conftest import FakeInflux


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def dead_letters(tmp_path: Path) -> DeadLetters:
    """Dead letters with room for one record."""
    return DeadLetters(tmp_path / "dead.jsonl", max_bytes=400)


@pytest.fixture
def watch(
    client: InfluxClient, health: Health, clock: Clock, dead_letters: DeadLetters
) -> Watch:
    """A watch over the real client."""
    return Watch(
        write=client.write,
        state=InfluxState(health, monotonic=clock),
        dead_letters=dead_letters,
        health=health,
    )


def codes(health: Health) -> list[str]:
    """Return the codes of the reasons that are set."""
    return [reason.code for reason in health.snapshot().reasons]


@pytest.mark.asyncio
async def test_idle_service_notices_an_outage_and_its_end(
    watch: Watch, health: Health, influx: FakeInflux, clock: Clock
) -> None:
    """An empty write tells a wrong token and a missing bucket, and that all is well."""
    health.clear(STARTING)
    seen = []
    for token, bucket in [("x", "ha"), ("write-token", "gone"), ("write-token", "ha")]:
        influx.token, influx.bucket = token, bucket
        clock.now += CHECK_EVERY_SECONDS
        await watch.check()
        seen.append(codes(health))

    assert seen == [["influxdb_unauthorized"], ["influxdb_not_found"], []]
    assert influx.stored == {}


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 413])
async def test_answer_that_is_not_influxdbs_is_no_success(
    watch: Watch, health: Health, influx: FakeInflux, clock: Clock, status: int
) -> None:
    """What a batch has found out is not forgotten for a proxy's word."""
    health.clear(STARTING)
    health.set("influxdb_overloaded", Status.DEGRADED, "refuses all")
    influx.script = lambda _: (status, "", "<html>")

    await watch.check()
    seen = codes(health)
    influx.script = None
    await watch.check()

    assert (seen, codes(health)) == (["influxdb_overloaded"], [])


@pytest.mark.asyncio
async def test_busy_service_does_not_ask_in_addition(
    watch: Watch, influx: FakeInflux, clock: Clock
) -> None:
    """A recent success is as good as a check."""
    await watch.check()
    clock.now += CHECK_EVERY_SECONDS - 1
    await watch.check()
    clock.now += 1
    await watch.check()

    assert len(influx.writes) == 2


@pytest.mark.asyncio
async def test_service_has_started_after_the_first_check(
    watch: Watch, health: Health, client: InfluxClient
) -> None:
    """Also with InfluxDB down the start ends, as degraded with the cause."""
    client._url = "http://127.0.0.1:1"
    before = health.status

    async def stop(seconds: float) -> None:
        assert seconds == CHECK_EVERY_SECONDS
        raise asyncio.CancelledError

    watch._pause = stop
    with pytest.raises(asyncio.CancelledError):
        await watch.run()

    assert (before, health.status) == (Status.STARTING, Status.DEGRADED)
    assert codes(health) == ["influxdb_unreachable"]


@pytest.mark.asyncio
async def test_full_dead_letters_stay_named_until_there_is_room(
    watch: Watch, health: Health, dead_letters: DeadLetters, tmp_path: Path
) -> None:
    """The reason does not flap while the file stays full."""
    health.clear(STARTING)
    fits, too_much = (
        Reject(reason=Reason.BAD_JSON, detail="", payload="x" * size)
        for size in (100, 400)
    )
    await dead_letters.add([fits])
    with pytest.raises(DeadLetterError):
        await dead_letters.add([too_much])
    health.set("dead_letter_full", Status.DEGRADED, "full")

    await watch.check()
    assert codes(health) == ["dead_letter_full"]
    (tmp_path / "dead.jsonl").unlink()
    await watch.check()

    assert codes(health) == []


@pytest.mark.asyncio
async def test_unusable_dead_letter_file_is_a_degradation(
    watch: Watch, health: Health, tmp_path: Path
) -> None:
    """A file that cannot be opened is named before the first record needs it."""
    health.clear(STARTING)
    (tmp_path / "dead.jsonl").mkdir()

    await watch.check()
    assert codes(health) == ["dead_letter_full"]
    (tmp_path / "dead.jsonl").rmdir()
    await watch.check()

    assert codes(health) == []

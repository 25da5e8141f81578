"""What InfluxDB's answers do to a batch, against the fake of 2.7.12."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment_pipeline import writer as writer_module
from enrichment_pipeline.errors import Reason, StoreUnavailable, Unavailable
from enrichment_pipeline.influx_state import InfluxState
from enrichment_pipeline.points import Key
from enrichment_pipeline.writer import Stored, Writer, parts_of
from servicekit.health import Health
from servicekit.influx import Answer, InfluxClient

if TYPE_CHECKING:
    from conftest import FakeInflux

    Problem = tuple[int, str, str]


@pytest.fixture
def writer(client: InfluxClient, health: Health) -> Writer:
    """A writer over the real client."""
    return Writer(client.write, InfluxState(health))


def points(*fields: str) -> dict[Key, str]:
    """Return points of entities e0, e1, ... with these fields, 1 µs apart."""
    return {
        (
            f"sensor.e{number}",
            number,
        ): f"state,entity_id=sensor.e{number} {one} {number}"
        for number, one in enumerate(fields)
    }


def entities(stored: Stored) -> list[str]:
    """Return the entities of the rejects."""
    return sorted(reject.entity_id for reject in stored.rejects)


@pytest.mark.asyncio
async def test_good_lines_are_one_write(writer: Writer, influx: FakeInflux) -> None:
    """A batch that InfluxDB takes is written once."""
    stored = await writer.store(points("v=1.0", "v=2.0", 's="two\nlines"'))

    assert stored == Stored(written=3, expired=0, rejects=[])
    assert [len(write) for write in influx.writes] == [3]
    assert influx.of("sensor.e2") == [{"s": "two\nlines"}]


@pytest.mark.asyncio
async def test_nothing_to_store_is_no_write(writer: Writer, influx: FakeInflux) -> None:
    """An empty batch does not bother InfluxDB."""
    assert await writer.store({}) == Stored(written=0, expired=0, rejects=[])
    assert influx.writes == []


@pytest.mark.asyncio
async def test_malformed_lines_are_found_and_the_rest_is_stored(
    writer: Writer, influx: FakeInflux
) -> None:
    """Of 200 lines with two malformed ones, 198 are stored and two are rejected."""
    fields = ["v=1.0"] * 200
    fields[17] = "v=NaN"
    fields[180] = 'v="unfinished'

    stored = await writer.store(points(*fields))

    assert (stored.written, stored.expired) == (198, 0)
    assert entities(stored) == ["sensor.e17", "sensor.e180"]
    assert {reject.reason for reject in stored.rejects} == {Reason.LINE_REFUSED}
    assert "unable to parse" in stored.rejects[0].detail
    assert stored.rejects[0].payload.startswith("state,entity_id=sensor.e")
    assert len(influx.stored) == 198


@pytest.mark.asyncio
async def test_type_conflict_is_found_by_writing_again(
    writer: Writer, influx: FakeInflux
) -> None:
    """The conflicting points are rejected; each other line is in a clean write."""
    await writer.store(points("v=1.0"))
    clean: Counter[str] = Counter()
    influx.writes.clear()

    stored = await writer.store(
        points("v=2.0", "v=3.0", 'v="text"', "v=4.0", "v=5i", "v=6.0")
    )

    for write in influx.writes:
        if not any('"text"' in line or "5i" in line for line in write):
            clean.update(line.split(" ")[0][-2:] for line in write)
    assert (stored.written, entities(stored)) == (4, ["sensor.e2", "sensor.e4"])
    assert {reject.reason for reject in stored.rejects} == {Reason.FIELD_TYPE_CONFLICT}
    assert clean.keys() == {"e0", "e1", "e3", "e5"}


@pytest.mark.asyncio
async def test_all_conflicting_needs_no_search(
    writer: Writer, influx: FakeInflux
) -> None:
    """When InfluxDB dropped every line of a write, all are rejected at once."""
    await writer.store(points("v=1.0"))
    influx.writes.clear()

    stored = await writer.store(points('v="a"', 'v="b"', 'v="c"'))

    assert (stored.written, len(stored.rejects)) == (0, 3)
    assert len(influx.writes) == 1


@pytest.mark.asyncio
async def test_points_older_than_the_retention_are_counted(
    writer: Writer, influx: FakeInflux
) -> None:
    """They are expired, not rejected; the others are stored by the same write."""
    influx.oldest_us = 2

    stored = await writer.store(points("v=1.0", "v=2.0", "v=3.0", "v=4.0"))

    assert stored == Stored(written=2, expired=2, rejects=[])
    assert len(influx.writes) == 1


@pytest.mark.asyncio
async def test_retention_hidden_behind_a_conflict_is_counted(
    writer: Writer, influx: FakeInflux
) -> None:
    """InfluxDB names only the conflict; the search finds the expired points too."""
    await writer.store(points("v=1.0", "v=1.0", "v=1.0", "v=1.0"))
    influx.oldest_us = 2

    stored = await writer.store(points("v=9.0", "v=9.0", 'v="x"', "v=9.0"))

    assert (stored.written, stored.expired) == (1, 2)
    assert entities(stored) == ["sensor.e2"]


@pytest.mark.asyncio
async def test_other_partial_write_rejects_the_line(
    writer: Writer, influx: FakeInflux
) -> None:
    """A 422 with another reason is narrowed down in the same way."""

    def too_long(lines: list[str]) -> Problem | None:
        bad = sum("long" in line for line in lines)
        message = f'partial write: input field "s" is too long dropped={bad}'
        return (422, "unprocessable entity", message) if bad else None

    influx.script = too_long

    stored = await writer.store(points("v=1.0", 's="long"', "v=2.0"))

    assert (stored.written, entities(stored)) == (2, ["sensor.e1"])
    assert stored.rejects[0].reason is Reason.POINT_DROPPED


@pytest.mark.asyncio
async def test_body_that_is_too_large_is_halved(
    writer: Writer, influx: FakeInflux
) -> None:
    """A 413 of a proxy ends in smaller writes, and in a reject for a single line."""

    def proxy(lines: list[str]) -> Problem | None:
        if len(lines) > 2 or "huge" in lines[0]:
            return 413, "", "request entity too large"
        return None

    influx.script = proxy

    stored = await writer.store(points("v=1.0", "v=2.0", "v=3.0", 's="huge"', "v=5.0"))

    assert (stored.written, entities(stored)) == (4, ["sensor.e3"])
    assert stored.rejects[0].reason is Reason.LINE_TOO_LARGE


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Unavailable.UNAUTHORIZED),
        (404, Unavailable.NOT_FOUND),
        (500, Unavailable.OVERLOADED),
        (503, Unavailable.OVERLOADED),
        (429, Unavailable.OVERLOADED),
    ],
)
async def test_what_cannot_be_stored_now_is_refused_and_shown(
    writer: Writer,
    influx: FakeInflux,
    health: Health,
    status: int,
    code: Unavailable,
) -> None:
    """Nothing is acknowledged, the health names the cause, success clears it."""
    influx.script = lambda _: (status, "code", "the message")

    with pytest.raises(StoreUnavailable) as caught:
        await writer.store(points("v=1.0"))
    assert (caught.value.code, health.has(code)) == (code, True)
    assert "the message" in caught.value.message
    influx.script = None
    await writer.store(points("v=1.0"))

    assert not health.has(code)


@pytest.mark.asyncio
async def test_influxdb_that_is_away_is_refused(
    health: Health, influx: FakeInflux, client: InfluxClient
) -> None:
    """No connection is a refusal of its own code."""
    client._url = "http://127.0.0.1:1"
    writer = Writer(client.write, InfluxState(health))

    with pytest.raises(StoreUnavailable) as caught:
        await writer.store(points("v=1.0"))

    assert caught.value.code is Unavailable.UNREACHABLE
    assert health.has(Unavailable.UNREACHABLE)
    assert influx.writes == []


async def refused(writer: Writer, batch: dict[Key, str]) -> Unavailable:
    """Store a batch that is refused; return the code."""
    with pytest.raises(StoreUnavailable) as caught:
        await writer.store(batch)
    return caught.value.code


def poison(*entities: str) -> Callable[[list[str]], Problem | None]:
    """Return a script that fails with 500 on writes that hold one of the entities."""

    def judge(lines: list[str]) -> Problem | None:
        held = any(f"={entity} " in line for line in lines for entity in entities)
        return (500, "internal error", "panic") if held else None

    return judge


@pytest.mark.asyncio
async def test_line_that_breaks_influxdb_is_found_after_repeated_500s(
    writer: Writer, influx: FakeInflux
) -> None:
    """Five identical 500s are waited for; then the line is searched and rejected."""
    influx.script = poison("sensor.e3")
    batch = points(*["v=1.0"] * 10)

    codes = [await refused(writer, batch) for _ in range(5)]
    stored = await writer.store(batch)

    assert codes == [Unavailable.OVERLOADED] * 5
    assert (stored.written, entities(stored)) == (9, ["sensor.e3"])
    assert stored.rejects[0].reason is Reason.INTERNAL_ERROR


@pytest.mark.asyncio
async def test_batch_of_nothing_but_the_breaking_line_does_not_block_for_ever(
    writer: Writer, influx: FakeInflux
) -> None:
    """With no other line to compare with, a plain line of our own is the proof."""
    influx.script = poison("sensor.e0")
    batch = points("v=1.0")
    for _ in range(5):
        await refused(writer, batch)

    stored = await writer.store(batch)

    assert (stored.written, entities(stored)) == (0, ["sensor.e0"])
    assert [series[0] for series, _ in influx.stored] == ["enrichment_probe"]


@pytest.mark.asyncio
async def test_sick_influxdb_makes_no_dead_letters(
    writer: Writer, influx: FakeInflux
) -> None:
    """While InfluxDB takes nothing at all, no line is blamed."""
    influx.script = lambda _: (500, "internal error", "cache-max-memory-size exceeded")
    batch = points("v=1.0", "v=2.0", "v=3.0")

    codes = [await refused(writer, batch) for _ in range(14)]
    influx.script = None
    stored = await writer.store(batch)

    assert set(codes) == {Unavailable.OVERLOADED}
    assert stored == Stored(written=3, expired=0, rejects=[])


@pytest.mark.asyncio
async def test_suspect_that_is_taken_at_the_second_try_is_stored(
    writer: Writer, influx: FakeInflux
) -> None:
    """A line is rejected only if InfluxDB refuses it again after taking others."""
    failures = Counter[str]()

    def flaky(lines: list[str]) -> Problem | None:
        if not any("e1 " in line for line in lines):
            return None
        failures["e1"] += 1
        return (500, "internal error", "panic") if failures["e1"] < 9 else None

    influx.script = flaky
    batch = points("v=1.0", "v=2.0", "v=3.0", "v=4.0")
    for _ in range(5):
        await refused(writer, batch)

    stored = await writer.store(batch)

    assert stored == Stored(written=4, expired=0, rejects=[])


@pytest.mark.asyncio
async def test_search_is_bounded(
    writer: Writer, influx: FakeInflux, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that finds no end gives up, and the batch stays with the sender."""
    monkeypatch.setattr(writer_module, "MAX_SUSPICIOUS_WRITES", 4)
    influx.script = poison("sensor.e3", "sensor.e9", "sensor.e14")
    batch = points(*["v=1.0"] * 16)
    for _ in range(5):
        await refused(writer, batch)
    before = len(influx.writes)

    assert await refused(writer, batch) is Unavailable.OVERLOADED
    assert len(influx.writes) - before < 16


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [400, 413])
async def test_what_names_no_line_needs_other_lines_to_be_taken(
    writer: Writer, influx: FakeInflux, health: Health, status: int
) -> None:
    """A proxy that refuses everything does not fill the dead letters, and is shown."""
    influx.script = lambda _: (status, "", "bad gateway configuration")

    code = await refused(writer, points("v=1.0", "v=2.0", "v=3.0"))

    assert (code, health.has(code)) == (Unavailable.OVERLOADED, True)
    assert len(influx.writes) < 8
    influx.script = None
    await writer.store(points("v=1.0"))
    assert not health.has(code)


@pytest.mark.asyncio
async def test_influxdb_that_falls_sick_during_a_search_makes_no_dead_letters(
    writer: Writer, influx: FakeInflux
) -> None:
    """That other lines were taken before is no proof: one has to be taken after."""
    influx.script = poison("sensor.e7")
    batch = points(*["v=1.0"] * 8)
    for _ in range(5):
        await refused(writer, batch)
    before = len(influx.writes)

    def sick(lines: list[str]) -> Problem | None:
        # The whole batch breaks it, its first half is taken, and nothing after that.
        taken = len(influx.writes) - before == 2
        return None if taken else (500, "internal error", "panic")

    influx.script = sick

    assert await refused(writer, batch) is Unavailable.OVERLOADED
    influx.script = poison("sensor.e7")
    stored = [await refused(writer, batch) for _ in range(5)]
    assert set(stored) == {Unavailable.OVERLOADED}
    assert entities(await writer.store(batch)) == ["sensor.e7"]


@pytest.mark.asyncio
async def test_batch_under_suspicion_is_searched_at_once(
    writer: Writer, influx: FakeInflux
) -> None:
    """Who knows that a line has broken InfluxDB before need not wait."""
    influx.script = poison("sensor.e1")

    stored = await writer.store(points("v=1.0", "v=1.0", "v=1.0"), suspect=True)

    assert (stored.written, entities(stored)) == (2, ["sensor.e1"])


@pytest.mark.asyncio
async def test_different_500s_are_not_counted_together(
    writer: Writer, influx: FakeInflux
) -> None:
    """Only the same message again and again makes a batch suspicious."""
    influx.script = lambda _: (
        500,
        "internal error",
        f"cache is {len(influx.writes)} bytes too big",
    )
    batch = points("v=1.0", "v=2.0")

    for _ in range(20):
        await refused(writer, batch)

    assert len(influx.writes) == 20


def test_parts_fit_into_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are cut by lines and by size; a line that is too long is alone."""
    monkeypatch.setattr(writer_module, "MAX_LINES", 3)
    monkeypatch.setattr(writer_module, "MAX_CHARACTERS", 10)
    lines = ["aa", "bb", "cc", "dd", "eeeeeeee", "ff", "g" * 20, "hh"]
    items: list[tuple[Key, str]] = [(("e", at), line) for at, line in enumerate(lines)]

    parts = [[line for _, line in part] for part in parts_of(items)]

    assert parts == [["aa", "bb", "cc"], ["dd", "eeeeeeee"], ["ff"], ["g" * 20], ["hh"]]


@pytest.mark.asyncio
async def test_large_batch_is_written_in_parts(
    writer: Writer, influx: FakeInflux
) -> None:
    """At most 5,000 lines go into one request."""
    stored = await writer.store(points(*["v=1.0"] * 5_001))

    assert stored.written == 5_001
    assert [len(write) for write in influx.writes] == [5_000, 1]


KINDS = {
    "good": "v=1.0",
    "conflict": 'v="text"',
    "malformed": "v=NaN",
    "breaks": "v=500.0",
    "text": 's="a\nb"',
}


@given(kinds=st.lists(st.sampled_from([*KINDS, "old"]), min_size=1, max_size=40))
def test_every_line_ends_in_exactly_one_place(
    new_influx: Callable[[], FakeInflux], kinds: list[str]
) -> None:
    """Whatever a batch holds: stored, expired and rejected are all of it, each right.

    The batch is sent again as a sender would, until it is accepted.
    """
    fake = new_influx()
    fake.types["state", "v"] = float
    fake.oldest_us = 100
    fake.script = lambda lines: (
        (500, "internal error", "panic") if any("=500" in x for x in lines) else None
    )
    batch: dict[Key, str] = {("control", 100): "state,e=control v=1.0 100"}
    for number, kind in enumerate(kinds):
        time_us = 50 if kind == "old" else 101 + number
        field = KINDS.get(kind, "v=1.0")
        batch[f"{kind}.{number}", time_us] = f"state,e={kind}{number} {field} {time_us}"

    async def write(body: bytes) -> Answer:
        problem = fake.judge(body.decode().replace("a\nb", "a b").split("\n"))
        status, code, message = problem or (204, "", "")
        return Answer(status=status, code=code, message=message)

    async def send_until_accepted() -> Stored:
        writer = Writer(write, InfluxState(Health("x", "0")))
        for _ in range(5):
            with contextlib.suppress(StoreUnavailable):
                return await writer.store(batch)
        return await writer.store(batch)

    stored = asyncio.run(send_until_accepted())

    rejected = {reject.entity_id.split(".")[0] for reject in stored.rejects}
    assert stored.written + stored.expired + len(stored.rejects) == len(batch)
    assert stored.expired == kinds.count("old")
    assert rejected == set(kinds) & {"conflict", "malformed", "breaks"}
    assert sum(series[0] == "state" for series, _ in fake.stored) == stored.written

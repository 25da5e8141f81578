"""Tests of the queue to a client and of the rule for slow ones."""

from __future__ import annotations

import pytest

from ha_simulator.protocol.outbox import MAX_PENDING, PEAK_PENDING, Outbox


class Calls:
    """Counts what an outbox asks for."""

    def __init__(self) -> None:
        self.wakes = 0
        self.overflows = 0

    def wake(self) -> None:
        """Count."""
        self.wakes += 1

    def overflow(self) -> None:
        """Count."""
        self.overflows += 1


@pytest.fixture
def calls() -> Calls:
    """Give the counters."""
    return Calls()


@pytest.fixture
def outbox(calls: Calls) -> Outbox:
    """Give an empty outbox that may stay above the peak for 10 s."""
    return Outbox(wake=calls.wake, overflow=calls.overflow)


def fill(outbox: Outbox, count: int, now_us: int = 0) -> None:
    """Push messages that are no events."""
    for _ in range(count):
        outbox.push(b"{}", now_us)


def test_single_message_is_an_object(outbox: Outbox) -> None:
    """One message goes out as it is, also when coalescing is on."""
    outbox.push_events([b'{"id":1}'], 7, 0)

    assert outbox.take(coalesce=True) == (b'{"id":1}', [7])


def test_waiting_messages_become_one_array(outbox: Outbox) -> None:
    """With coalescing, more than one message goes out as an array, in order."""
    outbox.push(b"1", 0)
    outbox.push_events([b"2", b"3"], 5, 0)

    assert outbox.take(coalesce=True) == (b"[1,2,3]", [5, 6])
    assert len(outbox) == 0


def test_without_coalescing_messages_go_one_by_one(outbox: Outbox) -> None:
    """A client that did not ask for arrays gets none."""
    outbox.push_events([b"1"], 4, 0)
    outbox.push(b"2", 0)

    assert outbox.take(coalesce=False) == (b"1", [4])
    assert outbox.take(coalesce=False) == (b"2", [])
    assert outbox.take(coalesce=False) == (b"", [])


def test_wakes_once_for_many_messages(outbox: Outbox, calls: Calls) -> None:
    """The writer is woken when it sleeps and not for each message."""
    fill(outbox, 3)
    outbox.take(coalesce=True)
    fill(outbox, 1)
    awake = calls.wakes
    outbox.take(coalesce=True)
    outbox.take(coalesce=True)
    fill(outbox, 1)

    assert (awake, calls.wakes) == (1, 2)


@pytest.mark.parametrize(
    ("count", "overflows", "left"),
    [(MAX_PENDING - 1, 0, MAX_PENDING - 1), (MAX_PENDING, 1, 0)],
)
def test_overflow_at_4096_discards_everything(
    outbox: Outbox, calls: Calls, count: int, overflows: int, left: int
) -> None:
    """4,095 messages may wait; with the next one the client loses them all."""
    fill(outbox, count)

    assert (calls.overflows, len(outbox)) == (overflows, left)
    assert outbox.peak == count


def test_closed_outbox_takes_nothing(outbox: Outbox, calls: Calls) -> None:
    """After an overflow nothing is queued and nobody is called again."""
    fill(outbox, MAX_PENDING)
    fill(outbox, MAX_PENDING)

    assert (calls.overflows, len(outbox)) == (1, 0)
    assert outbox.take(coalesce=True) == (b"", [])


@pytest.mark.parametrize(
    ("count", "after_us", "stalled"),
    [
        (PEAK_PENDING, 99_000_000, False),
        (PEAK_PENDING + 1, 9_999_999, False),
        (PEAK_PENDING + 1, 10_000_000, True),
    ],
)
def test_stalled_after_ten_seconds_above_the_peak(
    outbox: Outbox, *, count: int, after_us: int, stalled: bool
) -> None:
    """More than 1,024 pending for 10 s is too slow."""
    fill(outbox, count, now_us=5)

    assert outbox.stalled(5 + after_us) is stalled


def test_drained_client_is_not_stalled(outbox: Outbox) -> None:
    """A client that caught up before the 10 s are over starts afresh."""
    fill(outbox, PEAK_PENDING + 1, now_us=0)
    outbox.take(coalesce=True)
    first = outbox.stalled(10_000_000)
    fill(outbox, PEAK_PENDING + 1, now_us=11_000_000)

    assert not first
    assert not outbox.stalled(20_999_999)
    assert outbox.stalled(21_000_000)


def test_push_below_the_peak_stops_the_clock(outbox: Outbox) -> None:
    """A message that finds at most 1,024 waiting ends the measurement, as in HA."""
    fill(outbox, PEAK_PENDING + 1, now_us=0)
    outbox.take(coalesce=True)
    fill(outbox, 1, now_us=3_000_000)

    assert outbox.over_since_us is None


def test_turn_that_overflows_ends_the_client_once(outbox: Outbox, calls: Calls) -> None:
    """Messages beyond the limit count for nothing: the client is gone by then."""
    outbox.push_events([b"{}"] * (MAX_PENDING - 1), 1, 0)
    outbox.push_events([b"{}"] * 256, MAX_PENDING, 0)
    outbox.push_events([b"{}"], MAX_PENDING + 256, 0)

    assert (calls.overflows, outbox.peak, len(outbox)) == (1, MAX_PENDING, 0)

"""Frames as Home Assistant sends them, and events a second beside each time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

START: Final = datetime(2026, 11, 25, 12, tzinfo=UTC)
EVENT_BYTES: Final = 1_000
RATES: Final = pytest.StashKey[dict[str, tuple[float, float]]]()
"""By test: events a second, and µs an event, both of the median round."""


def event(number: int, *, entities: int, size: int) -> str:
    """Return a state_changed message of this many bytes, old state included."""
    entity_id = f"sensor.room_{number % entities}_temperature"

    def state(of: int, padding: str) -> dict[str, Any]:
        moment = START + of * timedelta(milliseconds=3.1)
        at = moment.isoformat(timespec="microseconds")
        return {
            "entity_id": entity_id,
            "state": f"{of / 10}",
            "attributes": {
                "serial": of,
                "run_id": "micro",
                "unit_of_measurement": "\N{DEGREE SIGN}C",
                "state_class": "measurement",
                "friendly_name": f"Room {number % entities}",
                **({"payload": padding} if padding else {}),
            },
            "last_changed": at,
            "last_reported": at,
            "last_updated": at,
            "context": {"id": f"01KAX{of:021}", "parent_id": None, "user_id": None},
        }

    def message(padding: str) -> str:
        old, new = state(max(0, number - entities), padding), state(number, padding)
        data = {"entity_id": entity_id, "old_state": old, "new_state": new}
        head = {
            "event_type": "state_changed",
            "data": data,
            "origin": "LOCAL",
            "time_fired": new["last_updated"],
            "context": new["context"],
        }
        whole = {"type": "event", "event": head, "id": 2}
        return json.dumps(whole, separators=(",", ":"), ensure_ascii=False)

    missing = size - len(message("").encode())
    # The key costs bytes too, in both states.
    return message("x" * max(0, (missing - 2 * len(',"payload":""')) // 2))


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., bytes]:
    """Return the maker of frames: one message, or an array of several."""

    def make(
        events: int,
        *,
        entities: int = 1_000,
        event_bytes: int = EVENT_BYTES,
        first: int = 0,
    ) -> bytes:
        texts = [
            event(first + number, entities=entities, size=event_bytes)
            for number in range(events)
        ]
        return (texts[0] if events == 1 else f"[{','.join(texts)}]").encode()

    return make


@pytest.fixture
def timed(benchmark: Any, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return what times a function and notes how many events a second that is."""

    def run(
        work: Callable[..., Any],
        *args: Any,
        events: int,
        rounds: int = 0,
        setup: Callable[[], Any] | None = None,
    ) -> Any:
        """Return the function's result.

        Args:
            work: is timed, with `args` or what `setup` returns for each round.
            args: of the function.
            events: that one call handles.
            rounds: exactly so many; as many as there is time for unless given.
            setup: runs before each round and is not timed.
        """
        if rounds:
            kinds = {"setup": setup} if setup else {"args": args}
            result = benchmark.pedantic(work, rounds=rounds, **kinds)
        else:
            result = benchmark(work, *args)
        if benchmark.stats is not None:
            each = benchmark.stats.stats.median / events
            benchmark.extra_info["events"] = events
            benchmark.extra_info["events_per_second"] = round(1 / each)
            rates = request.config.stash.setdefault(RATES, {})
            name = request.node.nodeid.removeprefix("benchmarks/micro/")
            rates[name] = (1 / each, 1e6 * each)
        return result

    return run


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print events a second: the table of times knows no events."""
    for line in lines_of(config.stash.get(RATES, {})):
        terminalreporter.write_line(line)


def lines_of(rates: dict[str, tuple[float, float]]) -> Iterator[str]:
    """Yield the lines of a table."""
    if rates:
        yield f"{'events, by the median round':<60}{'events/s':>14}{'µs/event':>12}"
    for name, (rate, each) in rates.items():
        yield f"{name:<60}{rate:>14,.0f}{each:>12.3f}"

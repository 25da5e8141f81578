"""Locust itself, in processes of its own, against a stand-in of the simulator."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from capacity.errors import LoadFailed
from capacity.load import LocustLoad
from capacity.order import Order
from capacity.trial import Arrival
from stackproof import wait_until

pytestmark = pytest.mark.timeout(60)


class FakeControl(BaseHTTPRequestHandler):
    """Answers as the simulator's control does; a job runs until it is stopped."""

    protocol_version = "HTTP/1.0"
    jobs: ClassVar[list[dict[str, Any]]] = []
    stopped: ClassVar[set[int]] = set()
    states: ClassVar[list[tuple[str, dict[str, Any]]]] = []
    answering: ClassVar[threading.Event] = threading.Event()

    def do_POST(self) -> None:
        """Take an order or a stop."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.startswith("/api/states/"):
            self.states.append((self.path.rpartition("/")[2], body))
            self.answering.wait(30.0)
            self._answer(500 if body["state"] == "3" else 201, {})
        elif self.path == "/_script/stop":
            self.stopped.add(body["job"])
            self._answer(200, {})
        elif body["rate"] == 13:
            self._answer(400, {"error": {}})
        else:
            self.jobs.append(body)
            self._answer(200, {"job": len(self.jobs)})

    def do_GET(self) -> None:
        """Tell of a job."""
        number = int(self.path.rpartition("/")[2])
        self._answer(
            200,
            {
                "job": number,
                "state": "stopped" if number in self.stopped else "running",
                "start_us": int(time.time() * 1e6),
                "seconds": 1.0,
                "emitted": 100,
                "behind": 0,
                "first_serial": 1,
                "last_serial": 100,
                "skipped_while_down": 0,
                "lateness": {
                    "p50_ms": 1.0,
                    "p99_ms": 2.0,
                    "max_ms": 3.0,
                    "late_over_10_ms": 0,
                },
            },
        )

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def control() -> Iterator[str]:
    """Return where the control listens."""
    FakeControl.jobs.clear()
    FakeControl.stopped.clear()
    FakeControl.states.clear()
    FakeControl.answering.set()
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeControl) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def order(url: str, rate: float = 100.0) -> Order:
    """Return an order without an end."""
    return Order(
        number=0, url=url, rate=rate, seconds=60.0, run_id="t1", prefix="sensor.cap"
    )


def test_locust_carries_out_orders_and_shows_our_latency(
    control: str, tmp_path: Path
) -> None:
    """Its own statistics count each event with the value of our histogram."""
    histogram = HdrHistogram(1, 120_000_000, 3)
    histogram.record_value(4_000, 490)
    histogram.record_value(4_400_000, 10)
    with LocustLoad(tmp_path) as load:
        assert load.begin(order(control)).emitted == 100
        assert FakeControl.jobs[0]["timed"] == "intended"
        load.tell("fired to stored", histogram.encode().decode("ascii"))
        assert load.end().ended
        with pytest.raises(LoadFailed, match="400"):
            load.begin(order(control, rate=13.0))
    log = (tmp_path / "locust.log").read_text("utf-8")
    row = next(line for line in log.splitlines() if "fired to stored" in line)
    count, longest = int(row.split()[4]), int(row.split()[9])
    assert count == 500
    assert longest == pytest.approx(4_400, rel=0.001)


def test_the_simulator_is_told_of_the_arrival(control: str, tmp_path: Path) -> None:
    """Of a recording each process has its turn, of new entities its part."""
    replayed = msgspec.structs.replace(
        order(control, rate=80.0),
        arrival=Arrival.TRACE,
        offsets=(0.0, 1.0, 2.0, 3.0),
        period=4.0,
        entity_growth=30.0,
    )
    with LocustLoad(tmp_path, processes=2) as load:
        load.begin(replayed)
        wait_until(lambda: len(FakeControl.jobs), lambda n: n == 2, timeout=5.0)
        jobs = sorted(FakeControl.jobs, key=lambda job: job["prefix"])
        load.end()
    assert [job["offsets"] for job in jobs] == [[0.0, 2.0], [1.0, 3.0]]
    told = {"profile": "trace", "period": 4.0, "entity_growth": 15.0, "rate": 40.0}
    assert [job | told for job in jobs] == jobs


def test_a_real_home_assistant_gets_the_schedules_events(
    control: str, tmp_path: Path
) -> None:
    """Each with its number and padding; what is refused or stopped is named."""
    burst = msgspec.structs.replace(
        order(control, rate=50.0),
        arrival=Arrival.BURST,
        period=0.6,
        entities=2,
        entity_growth=300.0,
        payload_bytes=9,
    )
    with LocustLoad(tmp_path, real=True) as load:
        load.begin(burst)
        wait_until(lambda: len(FakeControl.states), lambda n: n >= 40, timeout=10.0)
        sent = load.end()
    job = sent.jobs[0]
    found = {int(body["state"]): (entity, body) for entity, body in FakeControl.states}
    assert {entity for entity, _ in found.values()} >= {
        f"sensor.cap_{n}" for n in (0, 3)
    }
    assert all(entity == burst.entity(n) for n, (entity, _) in found.items())
    assert found[7][1]["attributes"] == {
        "serial": 7, "run_id": "t1", "payload": "x" * 9
    }  # fmt: skip
    assert job.skipped == 1
    assert job.unsent == (3,)
    assert set(found) == set(range(job.emitted + 1))


def test_a_home_assistant_that_stands_still_holds_no_event_back(
    control: str, tmp_path: Path
) -> None:
    """What is due leaves while nothing is answered; all of it counts as sent."""
    FakeControl.answering.clear()
    with LocustLoad(tmp_path, real=True) as load:
        load.begin(order(control, rate=100.0))
        wait_until(lambda: len(FakeControl.states), lambda n: n >= 150, timeout=20.0)
        unanswered = load.sent()
        FakeControl.answering.set()
        sent = load.end()
    assert unanswered.emitted == 0
    assert unanswered.left_after > 1.0
    assert sent.emitted == len(FakeControl.states) - 1
    assert sent.jobs[0].unsent == (3,)


def test_processes_share_the_rate(control: str, tmp_path: Path) -> None:
    """Each has a part of the rate, and entities of its own."""
    with LocustLoad(tmp_path, processes=2) as load:
        sent = load.begin(order(control))
        assert (sent.emitted, sent.workers) == (200, 2)
        wait_until(lambda: len(FakeControl.jobs), lambda n: n == 2, timeout=5.0)
        assert [job["rate"] for job in FakeControl.jobs] == [50.0, 50.0]
        assert {job["prefix"] for job in FakeControl.jobs} == {
            "sensor.cap_0",
            "sensor.cap_1",
        }
        assert load.end().ended

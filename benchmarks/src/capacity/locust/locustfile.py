"""Locust as coordinator of the load: it takes orders and shows the stages' latency.

The master (or the only process) reads orders from a file and gives each worker its
part; workers have the simulator send it on its own absolute schedule, or send it to a
real Home Assistant themselves. Their answers go to a file. Latencies come from the
stack's own histograms, so the statistics here show intended-time figures.
"""

from __future__ import annotations

# First: it patches the standard library before anything else is loaded.
from locust import FastHttpUser, User, constant, events, task  # isort: skip

import json
import os
import signal
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]
import msgspec
import requests
from gevent.pool import Pool  # type: ignore[import-untyped]
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]
from locust.env import Environment
from locust.runners import LocalRunner, MasterRunner, WorkerRunner
from locust.stats import bucket_response_time

from capacity.locust.schedule import Fate, Lateness, due_events
from capacity.order import Order

_EVERY = 0.1
_CALL_SECONDS = 10.0
_ORDER = "capacity-order"
_STATUS = "capacity-status"
# Calls to a real Home Assistant that may wait for their answers at a time: its loop
# stands still for up to 0.7 s (measured, at 400 states a second).
_IN_FLIGHT = 1_024


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--capacity-folder", default="", help="of orders and answers")


class Mailbox:
    """What this process was told, and how it answers."""

    def __init__(self) -> None:
        self.environment: Environment | None = None
        self.order = Order(number=0)
        self.taken = 0

    def take(self) -> Order | None:
        """Return an order that nobody here has taken yet."""
        if not self.order.stop and self.order.number > self.taken:
            self.taken = self.order.number
            return self.order
        return None

    def stopped(self, number: int) -> bool:
        """Tell whether this order is to end, or another one has come."""
        return self.order.stop or self.order.number != number

    def answer(self, **status: Any) -> None:
        """Send what was done to whoever gave the order."""
        runner = self.environment.runner if self.environment else None
        if runner is not None:
            runner.send_message(_STATUS, status)


mailbox = Mailbox()


@events.init.add_listener  # type: ignore[untyped-decorator]
def _begin(environment: Environment, **_: Any) -> None:
    mailbox.environment = environment
    runner = environment.runner
    options = environment.parsed_options
    if isinstance(runner, (WorkerRunner, LocalRunner)):
        runner.register_message(_ORDER, _ordered)
    if isinstance(runner, (MasterRunner, LocalRunner)) and options is not None:
        post = Post(environment, Path(options.capacity_folder))
        runner.register_message(_STATUS, post.told)
        gevent.spawn(post.run)


def _ordered(msg: Any, **_: Any) -> None:
    mailbox.order = msgspec.convert(msg.data, Order)


class Post:
    """Hands orders from the file to workers, and their answers to a file."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._order = Order(number=0)
        self._seen = b""
        self._workers = 1
        self._jobs: dict[int, dict[str, Any]] = {}
        self._read = 0

    def run(self) -> None:
        """Look for orders and latencies until whoever gives them has ended."""
        parent = os.getppid()
        while os.getppid() == parent:
            try:
                self._orders()
                self._latencies()
            except FileNotFoundError:
                pass
            gevent.sleep(_EVERY)
        # Killed: nobody is left to end this process.
        os.kill(os.getpid(), signal.SIGTERM)

    def told(self, msg: Any, **_: Any) -> None:
        """Take a worker's answer."""
        status = dict(msg.data)
        if status.pop("number") != self._order.number:
            return
        self._jobs[status["worker"]] = status
        whole = {
            "number": self._order.number,
            "workers": self._workers,
            "jobs": [self._jobs[key] for key in sorted(self._jobs)],
        }
        new = self._folder / "status.json.new"
        new.write_text(json.dumps(whole), "utf-8")
        new.replace(self._folder / "status.json")

    def _orders(self) -> None:
        content = (self._folder / "order.json").read_bytes()
        clients = self._clients()
        if content == self._seen or clients is None:
            return
        self._seen = content
        order = msgspec.json.decode(content, type=Order)
        if not order.stop:
            self._order, self._jobs = order, {}
            self._workers = max(1, len(clients))
        for place, client in enumerate(clients or [None]):
            part = msgspec.to_builtins(order.part(place, of=self._workers))
            runner = self._environment.runner
            if client is None and runner is not None:
                runner.send_message(_ORDER, part)
            elif isinstance(runner, MasterRunner):
                runner.send_message(_ORDER, part, client)

    def _clients(self) -> list[str] | None:
        """Return the workers that have users; None until all are there."""
        runner = self._environment.runner
        if runner is None or runner.state != "running":
            return None
        if not isinstance(runner, MasterRunner):
            return []
        return sorted(client.id for client in runner.clients.running)

    def _latencies(self) -> None:
        with (self._folder / "latency.jsonl").open("rb") as file:
            file.seek(self._read)
            while (line := file.readline()).endswith(b"\n"):
                self._read = file.tell()
                row = json.loads(line)
                show(self._environment, row["name"], HdrHistogram.decode(row["hdr"]))


def show(environment: Environment, name: str, histogram: HdrHistogram) -> None:
    """Put a histogram of µs into Locust's statistics, each event counted.

    One event of each value is fired for whoever listens; the others are added.
    """
    if not histogram.get_total_count():
        return
    for step in histogram.get_recorded_iterator():
        count = step.count_added_in_this_iter_step
        milliseconds = step.value_iterated_to / 1000
        environment.events.request.fire(  # type: ignore[no-untyped-call]
            request_type="EVENT",
            name=name,
            response_time=milliseconds,
            response_length=0,
            exception=None,
            context={},
        )
        for entry in (
            environment.stats.get(name, "EVENT"),
            environment.stats.total,
        ):
            _add(entry, milliseconds, count - 1)


def _add(entry: Any, milliseconds: float, count: int) -> None:
    """Count so many more requests of one response time."""
    if count <= 0:
        return
    now = int(time.time())
    key = bucket_response_time(milliseconds)
    entry.num_requests += count
    entry.total_response_time += milliseconds * count
    entry.response_times[key] += count
    entry.num_reqs_per_sec[now] += count
    entry.last_request_timestamp = time.time()


class ScriptedHomeAssistant(User):
    """Has the simulator send: one job for each order."""

    wait_time = constant(_EVERY)

    @task
    def follow(self) -> None:
        """Do the next order, until its end."""
        order = mailbox.take()
        if order is None:
            return
        try:
            self._do(order)
        except (requests.RequestException, KeyError, ValueError) as err:
            _fail(order, repr(err))

    def _do(self, order: Order) -> None:
        body = {
            "rate": order.rate,
            "seconds": order.seconds,
            "entities": order.entities,
            "entity_growth": order.entity_growth,
            "profile": str(order.arrival),
            "period": order.period,
            "offsets": order.offsets,
            "run_id": order.run_id,
            "prefix": order.prefix,
            "payload_bytes": order.payload_bytes,
            "seed": order.seed,
            "timed": "intended",
        }
        with requests.Session() as session:
            job = _json(
                session.post(
                    f"{order.url}/_script/rate", json=body, timeout=_CALL_SECONDS
                )
            )
            place = f"{order.url}/_script/rate/{job['job']}"
            stopped = False
            while True:
                job = _json(session.get(place, timeout=_CALL_SECONDS))
                _tell(order, job)
                if job["state"] != "running":
                    return
                if not stopped and mailbox.stopped(order.number):
                    session.post(
                        f"{order.url}/_script/stop",
                        json={"job": job["job"]},
                        timeout=_CALL_SECONDS,
                    )
                    stopped = True
                gevent.sleep(2 * _EVERY)


class RealHomeAssistant(FastHttpUser):
    """Sends states to a real Home Assistant, each at its intended time.

    One user takes the order and never waits for an answer, so that a pause of Home
    Assistant's loop delays what it answers and not what leaves. Only with as many
    calls under way as there may be does an event leave late; it counts from its due
    time all the same.
    """

    wait_time = constant(_EVERY)
    concurrency = _IN_FLIGHT

    @task
    def follow(self) -> None:
        """Do the next order, until its end."""
        order = mailbox.take()
        if order is None:
            return
        lateness, fate, start = Lateness(), Fate(), time.time()
        dispatcher = gevent.spawn(self._dispatch, order, lateness, fate, start)
        while not gevent.wait([dispatcher], timeout=2 * _EVERY):
            _tell_own(order, lateness, fate, start, ended=False)
        dispatcher.get()
        _tell_own(order, lateness, fate, start, ended=True)

    def _dispatch(
        self, order: Order, lateness: Lateness, fate: Fate, start: float
    ) -> None:
        calls = Pool(_IN_FLIGHT)
        same: dict[str, str] = {"run_id": order.run_id}
        if order.payload_bytes:
            same["payload"] = "x" * order.payload_bytes
        for number, offset in due_events(order):
            due = start + offset
            while (pause := due - time.time()) > 0:
                gevent.sleep(min(pause, _EVERY))
                if mailbox.stopped(order.number):
                    break
            calls.wait_available()
            if mailbox.stopped(order.number):
                break
            now = time.time()
            lateness.add(now - due)
            fate.left_after = now - start
            attributes = {"serial": number, **same}
            calls.spawn(self._send, order, number, attributes, due, fate)
        calls.join()

    def _send(
        self,
        order: Order,
        number: int,
        attributes: dict[str, Any],
        due: float,
        fate: Fate,
    ) -> None:
        with self.client.post(
            f"{order.url}/api/states/{order.entity(number)}",
            json={"state": str(number), "attributes": attributes},
            headers={"Authorization": f"Bearer {order.token}"},
            name="POST /api/states",
            catch_response=True,
        ) as answer:
            answer.request_meta["response_time"] = 1000 * (time.time() - due)
            fate.add(number, left=answer.ok, refused=not answer.ok)


def _tell(order: Order, job: dict[str, Any]) -> None:
    late = job["lateness"]
    mailbox.answer(
        number=order.number,
        worker=order.worker,
        start_us=job["start_us"],
        seconds=job["seconds"],
        emitted=job["emitted"],
        behind=job["behind"],
        skipped=job["skipped_while_down"],
        late=late["late_over_10_ms"],
        lag_p50=late["p50_ms"] / 1000,
        lag_p99=late["p99_ms"] / 1000,
        lag_max=late["max_ms"] / 1000,
        ended=job["state"] != "running",
        error="",
        first_serial=job["first_serial"] or 0,
        last_serial=job["last_serial"] or 0,
    )


def _tell_own(
    order: Order,
    lateness: Lateness,
    fate: Fate,
    start: float,
    *,
    ended: bool,
) -> None:
    mailbox.answer(
        number=order.number,
        worker=order.worker,
        start_us=int(start * 1e6),
        seconds=time.time() - start,
        emitted=fate.sent,
        behind=0,
        skipped=fate.refused,
        late=lateness.late,
        lag_p50=lateness.quantile(0.5),
        lag_p99=lateness.quantile(0.99),
        lag_max=lateness.quantile(1.0),
        ended=ended,
        error="",
        unsent=fate.unsent,
        left_after=fate.left_after,
    )


def _fail(order: Order, problem: str) -> None:
    mailbox.answer(
        number=order.number,
        worker=order.worker,
        start_us=0,
        seconds=0.0,
        emitted=0,
        behind=0,
        skipped=0,
        late=0,
        lag_p50=0.0,
        lag_p99=0.0,
        lag_max=0.0,
        ended=True,
        error=problem,
    )


def _json(answer: requests.Response) -> dict[str, Any]:
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found

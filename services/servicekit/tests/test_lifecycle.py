"""The life cycle in a process of its own: signals, order, deadline, exit code."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from servicekit.lifecycle import pause

PROGRAM = """
import asyncio, sys, threading, structlog
from servicekit import lifecycle, logs
from servicekit.errors import StartError

log = structlog.get_logger()
mode = sys.argv[1]

async def fails():
    raise ValueError("boom")

async def lives(name):
    try:
        await asyncio.Event().wait()
    finally:
        log.info("task.ended", name=name)

async def main(runtime):
    loop = asyncio.get_running_loop()
    runtime.tasks.create_task(lives("a"), name="a")
    if mode == "main-crash":
        raise KeyError("early")
    if mode == "cannot":
        raise StartError("HTTP_PORT: in use")
    if mode == "once":
        return
    if mode == "task-crash":
        runtime.tasks.create_task(fails(), name="b")
    log.info("up")
    await runtime.stop.wait()
    async with runtime.step("first"):
        log.info("in-first")
    async with runtime.step("second"):
        if mode == "late":
            await asyncio.Event().wait()
        if mode == "stuck":
            await loop.run_in_executor(None, threading.Event().wait)
        if mode == "step-fails":
            raise OSError("disk")

logs.configure("sample", "INFO")
sys.exit(lifecycle.run(main, service="sample", deadline=float(sys.argv[2])))
"""


@dataclass
class Service:
    """A running sample service and the lines that it has printed."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def until(self, event: str) -> None:
        """Read lines up to the one that has this event."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.lines.append(json.loads(text))
            if self.lines[-1]["event"] == event:
                return
        raise AssertionError(f"{event} was not logged: {self.lines}")

    def end(self) -> int:
        """Read the remaining lines and return the exit code."""
        out, _ = self.process.communicate(timeout=10)
        self.lines += [json.loads(text) for text in out.splitlines()]
        return self.process.returncode

    def events(self) -> list[str]:
        """Return the events of the life cycle, steps with their name."""
        return [
            f"step {line['step']}"
            if line["event"] == "shutdown.step"
            else line["event"]
            for line in self.lines
        ]

    def line(self, event: str) -> dict[str, Any]:
        """Return the one line with this event."""
        (line,) = [line for line in self.lines if line["event"] == event]
        return line


@contextmanager
def started(mode: str, deadline: float = 5.0) -> Iterator[Service]:
    """Run the sample; kill what is left of it."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, mode, str(deadline)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Service(process)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_in_order_with_0(number: signal.Signals) -> None:
    """Both signals run the steps in order; leftover tasks are cancelled last."""
    with started("plain") as service:
        service.until("up")
        service.process.send_signal(number)
        code = service.end()

    assert code == 0
    assert service.events() == [
        "service.starting",
        "up",
        "shutdown.started",
        "in-first",
        "step first",
        "step second",
        "task.ended",
        "shutdown.finished",
    ]
    assert service.line("shutdown.started")["signal"] == number.name
    assert service.line("shutdown.finished")["exit_code"] == 0
    assert service.line("shutdown.finished")["seconds"] < 1


def test_a_repeated_signal_is_harmless() -> None:
    """A second signal is logged and shortens nothing."""
    with started("late", 0.5) as service:
        service.until("up")
        service.process.send_signal(signal.SIGTERM)
        service.until("in-first")
        service.process.send_signal(signal.SIGINT)
        service.until("shutdown.repeated")
        service.end()

    assert service.line("shutdown.finished")["seconds"] >= 0.5
    assert service.line("shutdown.repeated")["signal"] == "SIGINT"


def test_a_crashed_task_is_logged_once_and_ends_in_order() -> None:
    """The steps run although a task failed; the exit code is 1."""
    with started("task-crash") as service:
        code = service.end()

    assert code == 1
    assert service.events().count("task.crashed") == 1
    assert service.line("task.crashed")["exception"][0]["exc_value"] == "boom"
    assert service.events()[-5:] == [
        "in-first",
        "step first",
        "step second",
        "task.ended",
        "shutdown.finished",
    ]


def test_a_crash_of_main_ends_with_1() -> None:
    """A failure before the service is up is a logged crash, not a hang."""
    with started("main-crash") as service:
        code = service.end()

    assert code == 1
    assert service.line("task.crashed")["task"] == "main"
    assert service.line("shutdown.finished")["exit_code"] == 1


def test_a_start_error_is_one_clear_line() -> None:
    """A known reason not to start ends with 1 and without a traceback."""
    with started("cannot") as service:
        code = service.end()

    assert code == 1
    assert service.line("service.cannot_start")["problem"] == "HTTP_PORT: in use"
    assert not any("exception" in line for line in service.lines)


def test_a_failing_step_is_logged_and_ends_with_1() -> None:
    """A step that fails is marked, and the service does not claim success."""
    with started("step-fails") as service:
        service.until("up")
        service.process.send_signal(signal.SIGTERM)
        code = service.end()

    steps = [line["ok"] for line in service.lines if line["event"] == "shutdown.step"]
    assert code == 1
    assert steps == [True, False]


def test_a_late_step_is_cut_at_the_deadline() -> None:
    """Past the deadline the step is cancelled, named, and the exit code is 1."""
    with started("late", 0.2) as service:
        service.until("up")
        service.process.send_signal(signal.SIGTERM)
        code = service.end()

    assert code == 1
    assert service.line("shutdown.deadline_exceeded")["step"] == "second"
    assert 0.2 <= service.line("shutdown.finished")["seconds"] < 1


def test_a_stuck_thread_does_not_hold_the_process() -> None:
    """A thread that never returns cannot be cancelled: the process ends anyway."""
    with started("stuck", 0.2) as service:
        service.until("up")
        service.process.send_signal(signal.SIGTERM)
        code = service.end()

    assert code == 1
    assert service.events()[-1] == "shutdown.stuck"


@pytest.mark.parametrize(("seconds", "stopped"), [(0.001, False), (60, True)])
@pytest.mark.asyncio
async def test_a_pause_ends_with_the_stop(seconds: float, *, stopped: bool) -> None:
    """A pause lasts its time, or ends at once when the service stops."""
    stop = asyncio.Event()
    if stopped:
        stop.set()

    assert await pause(stop, seconds) is stopped


def test_a_main_that_returns_ends_with_0() -> None:
    """Without any signal a finished service is a success."""
    with started("once") as service:
        code = service.end()

    assert code == 0
    assert service.events() == ["service.starting", "shutdown.finished"]

"""One life for every service: start, run, stop in order within a deadline.

The only module of the services that starts tasks: `Tasks` is a TaskGroup in which
the end of one task by an error asks the whole service to stop in its own order,
instead of cancelling everything on the spot.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextvars import Context
from typing import Any, Final, TypeVar

import structlog
import uvloop

from .errors import StartError
from .freed_memory import give_back_freed_memory

__all__ = ["Runtime", "Tasks", "pause", "run"]

_GRACE_SECONDS: Final = 0.4
"""After the deadline: what a stuck thread gets before the process just ends."""

_log = structlog.get_logger(__name__)
T = TypeVar("T")
Main = Callable[["Runtime"], Coroutine[Any, Any, None]]


class Tasks(asyncio.TaskGroup):
    """A task group that reports a crash and lets the rest go on to an ordered end."""

    def __init__(self, crashed: Callable[[str], None]) -> None:
        super().__init__()
        self._crashed = crashed
        self._running: set[asyncio.Task[Any]] = set()

    def create_task(  # type: ignore[override]  # a generator is no task here
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """Start `coro`; if it crashes, the task looks cancelled to who awaits it."""
        label = name or str(getattr(coro, "__qualname__", coro))
        guarded = self.guard(coro, label)
        task = super().create_task(guarded, name=label, context=context)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # A task that is cancelled before its first step leaves `coro` untouched.
        task.add_done_callback(lambda _: coro.close())
        return task

    async def guard(self, coro: Coroutine[Any, Any, T], name: str) -> T:
        """Await `coro`; log its crash, ask for the shutdown, end as cancelled."""
        try:
            return await coro
        except StartError as err:
            _log.error("service.cannot_start", problem=str(err))
            self._crashed(name)
            raise asyncio.CancelledError from err
        except Exception as err:
            _log.exception("task.crashed", task=name)
            self._crashed(name)
            raise asyncio.CancelledError from err

    def cancel(self) -> None:
        """Cancel the tasks that still run."""
        for task in list(self._running):
            task.cancel()


class Runtime:
    """What the main function of a service gets: a stop event, tasks, steps."""

    def __init__(self, deadline: float) -> None:
        self.stop = asyncio.Event()
        self.tasks = Tasks(self._on_crash)
        self._deadline = deadline
        self._limit = asyncio.timeout(None)
        self._stopped_at: float | None = None
        self._step = ""
        self._failures = 0
        self._watchdog: threading.Timer | None = None

    def request_stop(self, reason: str) -> None:
        """Begin the shutdown; a repeated request is logged and changes nothing."""
        if self._stopped_at is not None:
            _log.info("shutdown.repeated", signal=reason, step=self._step)
            return
        _log.info("shutdown.started", signal=reason, deadline_seconds=self._deadline)
        self._stopped_at = time.monotonic()
        self._watchdog = threading.Timer(
            self._deadline + _GRACE_SECONDS, _end_stuck_process
        )
        self._watchdog.daemon = True
        self._watchdog.start()
        now = asyncio.get_running_loop().time()
        self._limit.reschedule(now + self._deadline)
        self.stop.set()

    @contextlib.asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Name a part of the shutdown; log it with the seconds that it took.

        All steps together have the deadline of the service: past it, the step
        that runs is cancelled and the service ends with exit code 1.
        """
        began = time.monotonic()
        self._step = name
        failed = True
        try:
            yield
            failed = False
        finally:
            seconds = round(time.monotonic() - began, 3)
            _log.info("shutdown.step", step=name, seconds=seconds, ok=not failed)

    async def _serve(self, main: Main) -> None:
        async with self.tasks:
            self.tasks.create_task(give_back_freed_memory(), name="memory")
            try:
                # A crash of main, once logged, looks like a cancellation here.
                with contextlib.suppress(asyncio.CancelledError):
                    async with self._limit:
                        await self.tasks.guard(main(self), "main")
            except TimeoutError:
                _log.exception("shutdown.deadline_exceeded", step=self._step)
                self._failures += 1
                # The watchdog keeps ticking: a stuck thread cannot be cancelled.
                self._watchdog = None
            finally:
                self.tasks.cancel()

    async def supervise(self, main: Main) -> int:
        """Run `main` under the signals; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.request_stop, number.name)
        await self._serve(main)
        began = self._stopped_at
        seconds = 0.0 if began is None else round(time.monotonic() - began, 3)
        code = 1 if self._failures else 0
        _log.info("shutdown.finished", seconds=seconds, exit_code=code)
        if self._watchdog is not None:
            self._watchdog.cancel()
        return code

    def _on_crash(self, name: str) -> None:
        self._failures += 1
        self.request_stop(f"crash of {name}")


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so many seconds, but not longer than until `stop`; tell if it is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


def _end_stuck_process() -> None:
    _log.error("shutdown.stuck", exit_code=1)
    sys.stdout.flush()
    os._exit(1)


def run(main: Main, *, service: str, deadline: float) -> int:
    """Run a service under uvloop until it ends; return its exit code.

    `main` starts what it needs in `runtime.tasks`, waits for `runtime.stop` (set
    by SIGTERM, SIGINT or the crash of a task) and then stops its parts in order,
    each in a `runtime.step`. Tasks that still run when it returns are cancelled.

    Args:
        main: the body of the service.
        service: name for the first log line.
        deadline: seconds from the first signal to the end of the process.

    Returns:
        0 after an ordered end; 1 after a crash or an exceeded deadline.
    """

    async def supervised() -> int:
        return await Runtime(deadline).supervise(main)

    _log.info("service.starting", name=service, pid=os.getpid())
    return uvloop.run(supervised())

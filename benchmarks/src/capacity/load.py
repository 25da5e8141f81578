"""The load, as the runner sees it: a process of its own that takes orders.

The process is Locust's. It is never imported here: it patches the standard library.
Orders and answers are files in one folder, each written whole or not at all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol, Self

import msgspec
from msgspec import Struct

from stackproof import wait_until
from stackproof.errors import WaitTimeout

from .errors import LoadFailed
from .order import Order

__all__ = ["JobState", "Load", "LocustLoad", "Sent", "summed"]

LOCUSTFILE: Final = Path(__file__).parent / "locust" / "locustfile.py"
ORDER: Final = "order.json"
STATUS: Final = "status.json"
LATENCY: Final = "latency.jsonl"
LOG: Final = "locust.log"
_ANSWER_SECONDS: Final = 30.0
_END_SECONDS: Final = 15.0
_EVERY: Final = 0.05


class JobState(Struct, frozen=True, kw_only=True):
    """What one worker has sent of an order; times of lateness in seconds.

    `first_serial` and `last_serial` are what the source calls its first and its last
    event, 0 where it does not tell.
    `unsent` are events that a worker knows not to have left, the first ones of them.
    `left_after` is when the last one left, None if that took all of `seconds`: a worker
    that sends by itself still waits for answers then.
    """

    worker: int
    start_us: int
    seconds: float
    emitted: int
    behind: int
    skipped: int
    late: int
    lag_p50: float
    lag_p99: float
    lag_max: float
    ended: bool
    error: str = ""
    first_serial: int = 0
    last_serial: int = 0
    unsent: tuple[int, ...] = ()
    left_after: float | None = None


class _Status(Struct, frozen=True):
    number: int
    workers: int
    jobs: list[JobState]


class Sent(Struct, frozen=True, kw_only=True):
    """What all workers together have sent; the lag is that of the worst.

    `left_after` are the seconds in which all of it left.
    """

    start_us: int
    seconds: float
    left_after: float
    emitted: int
    behind: int
    skipped: int
    lag_p50: float
    lag_p99: float
    lag_max: float
    ended: bool
    workers: int = 1
    jobs: tuple[JobState, ...] = ()


class Load(Protocol):
    """Sends events on an absolute schedule."""

    def begin(self, order: Order) -> Sent:
        """Begin, and return when the first events are due."""
        ...

    def sent(self) -> Sent:
        """Return what was sent so far."""
        ...

    def end(self) -> Sent:
        """End what runs, if it has not ended by itself; return what was sent."""
        ...

    def tell(self, name: str, blob: str) -> None:
        """Show an encoded histogram in the load's own statistics."""
        ...

    def cpu(self) -> float:
        """Return the CPU seconds of the load's processes so far."""
        ...


class LocustLoad:
    """Locust, headless or with its web page, in processes of its own.

    Use it as a context; at its end no process of it is left.
    """

    def __init__(
        self,
        folder: Path,
        *,
        processes: int = 1,
        workers: int = 0,
        web: int | None = None,
        real: bool = False,
        starter: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen,
    ) -> None:
        """Describe it.

        Args:
            folder: where orders and answers go.
            processes: that share the load on this host.
            workers: that are awaited from other hosts instead.
            web: the port of Locust's web page; None is headless.
            real: a real Home Assistant takes the events.
            starter: starts a process.
        """
        self.folder = folder
        self._processes = processes
        self._workers = workers
        self._web = web
        self._real = real
        self._starter = starter
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in (ORDER, STATUS, LATENCY):
            (self.folder / name).unlink(missing_ok=True)
        with (self.folder / LOG).open("ab") as log:
            # A session of its own: Ctrl-C at the terminal is for the runner, which
            # ends this process when it is done with it.
            self._process = self._starter(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is None:
            return
        self._process = None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(_END_SECONDS)

    def command(self) -> list[str]:
        """Return the command line of the process."""
        count = max(self._processes, self._workers)
        command = [sys.executable, "-m", "locust", "--locustfile", str(LOCUSTFILE)]
        command += ["--capacity-folder", str(self.folder)]
        command += ["--users", str(count), "--spawn-rate", str(count)]
        command += ["--host", "http://127.0.0.1"]
        if self._web is None:
            command += ["--headless", "--only-summary"]
        else:
            command += ["--web-host", "127.0.0.1", "--web-port", str(self._web)]
            command += ["--autostart"]
        if self._workers:
            command += ["--master", "--expect-workers", str(self._workers)]
        elif self._processes > 1:
            command += ["--processes", str(self._processes)]
        command += ["RealHomeAssistant" if self._real else "ScriptedHomeAssistant"]
        return command

    def begin(self, order: Order) -> Sent:
        """Hand the order over, and return once it is begun.

        Raises:
            LoadFailed: the process has ended, refused it, or does not answer.
        """
        self._order(order)
        return self._await(lambda sent: sent.start_us > 0)

    def sent(self) -> Sent:
        """Return what was sent so far.

        Raises:
            LoadFailed: the process has ended, or a worker could not do it.
        """
        return self._await(lambda sent: sent.start_us > 0)

    def end(self) -> Sent:
        """End the order's jobs and return what they have sent.

        Raises:
            LoadFailed: the process has ended, or does not answer.
        """
        sent = self.sent()
        if sent.ended:
            return sent
        stop = Order(number=self._number, stop=True)
        self._write(ORDER, msgspec.json.encode(stop))
        return self._await(lambda now: now.ended)

    def tell(self, name: str, blob: str) -> None:
        """Append a histogram for Locust's statistics."""
        line = msgspec.json.encode({"name": name, "hdr": blob})
        with (self.folder / LATENCY).open("ab") as file:
            file.write(line + b"\n")

    def cpu(self) -> float:
        """Return the CPU seconds of all its processes."""
        if self._process is None:
            return 0.0
        return sum(_cpu(pid) for pid in _session(self._process.pid))

    def _order(self, order: Order) -> None:
        self._number += 1
        numbered = msgspec.structs.replace(order, number=self._number)
        self._write(ORDER, msgspec.json.encode(numbered))

    def _write(self, name: str, content: bytes) -> None:
        new = self.folder / f"{name}.new"
        new.write_bytes(content)
        new.replace(self.folder / name)

    def _await(self, enough: Callable[[Sent], bool]) -> Sent:
        def ready(sent: Sent | None) -> bool:
            return sent is not None and enough(sent)

        try:
            found = wait_until(self._look, ready, timeout=_ANSWER_SECONDS, every=_EVERY)
        except WaitTimeout as err:
            raise LoadFailed("it does not answer", log=self._log) from err
        if found is None:
            raise LoadFailed("it does not answer", log=self._log)
        return found

    @property
    def _log(self) -> str:
        return str(self.folder / LOG)

    def _look(self) -> Sent | None:
        process = self._process
        if process is None or process.poll() is not None:
            code = None if process is None else process.returncode
            raise LoadFailed(f"its process has ended with {code}", log=self._log)
        try:
            status = msgspec.json.decode(
                (self.folder / STATUS).read_bytes(), type=_Status
            )
        except FileNotFoundError:
            return None
        if status.number != self._number:
            return None
        for job in status.jobs:
            if job.error:
                raise LoadFailed(job.error, log=self._log)
        return summed(status.jobs, workers=status.workers)


def summed(jobs: Iterable[JobState], *, workers: int) -> Sent | None:
    """Return what all have sent; None until each worker has begun (pure)."""
    rows = list(jobs)
    if len(rows) < workers or not rows or not all(job.start_us for job in rows):
        return None
    emitted = sum(job.emitted for job in rows)
    late = sum(job.late for job in rows)
    p99 = max(job.lag_p99 for job in rows)
    # A quantile is told to a factor of two only, but what is over 10 ms is counted.
    if emitted and late <= 0.01 * emitted:
        p99 = min(p99, 0.010)
    return Sent(
        start_us=min(job.start_us for job in rows),
        seconds=max(job.seconds for job in rows),
        left_after=max(
            job.seconds if job.left_after is None else job.left_after for job in rows
        ),
        emitted=emitted,
        behind=sum(job.behind for job in rows),
        skipped=sum(job.skipped for job in rows),
        lag_p50=max(job.lag_p50 for job in rows),
        lag_p99=p99,
        lag_max=max(job.lag_max for job in rows),
        ended=all(job.ended for job in rows),
        workers=len(rows),
        jobs=tuple(sorted(rows, key=lambda job: job.worker)),
    )


def _session(leader: int) -> list[int]:
    """Return the processes of a session that are alive."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(folder.name)) == leader:
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _cpu(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

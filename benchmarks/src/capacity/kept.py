"""What a run keeps while it lasts: one file a trial, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from . import document as doc
from .arrivals import PERIOD
from .errors import RunUnusable
from .trial import Stage, TrialResult

__all__ = ["Begun", "Cold", "Direct", "Kept", "Moment", "Record", "Slice"]

RUN: Final = "run.json"
SETTING: Final = "environment.json"
T = TypeVar("T")


class Begun(Struct, frozen=True, kw_only=True):
    """What a run was asked for; a resumed one must be asked for the same."""

    id: str
    started: datetime
    profile: str
    slo_p99: float
    arrival: str
    entry: str
    entities: int
    payload_bytes: int
    seed: int
    command: str
    owned: bool
    skip: tuple[str, ...] = ()
    period: float = PERIOD
    trace: str = ""
    entity_growth: float = 0.0
    start_up: float = 0.0
    """Seconds until the first trial: what the trials cannot have of the budget."""


class Slice(Struct, frozen=True, kw_only=True):
    """A block as it is shown: its latency in seconds."""

    at: float
    count: int
    p50: float
    p99: float
    max: float


class Moment(Struct, frozen=True, kw_only=True):
    """One look at the stack, `at` seconds after the start of the run.

    By container: CPU seconds so far, bytes in use, seconds throttled so far.
    """

    at: float
    backlog: float | None
    containers: dict[str, tuple[float, int, float]]


class Direct(Struct, frozen=True, kw_only=True):
    """What one connection wrote into the database in `seconds`, past the services.

    `cpu` are the CPU seconds of the process that wrote. `batch` is in lines; `settled`
    are lines that were written before and are not measured.
    """

    lines: int
    settled: int
    size: int
    seconds: float
    batch: int
    cpu: float


class Cold(Struct, frozen=True, kw_only=True):
    """Bytes of points on the disk: `hot` when just written, `cold` when compacted.

    `seconds` is how long the compaction was waited for.
    """

    points: int
    hot: int
    cold: int
    seconds: float


class Record(Struct, frozen=True, kw_only=True):
    """A trial's result, and what only the report needs of it."""

    result: TrialResult
    started: float
    lag_max: float = 0.0
    histograms: dict[Stage, str] = {}
    counts: dict[Stage, int] = {}
    slices: list[Slice] = []
    moments: list[Moment] = []
    io: dict[str, tuple[int, int]] = {}
    incidents: list[tuple[float, str, str]] = []
    other_cores: float | None = None
    spool_bytes_per_event: float | None = None
    down_at: float = 0.0
    series: int | None = None
    looked: float = 0.0
    """Seconds between the first and the last look of IDLE."""
    direct: Direct | None = None
    cold: Cold | None = None
    emitted: tuple[float, ...] | None = None
    """Events a second that the source sent to a reader alone, in each turn."""
    passed_on: tuple[float, ...] | None = None
    """Events a second that the stack stored of the same load, in each turn."""
    past: int = 0
    """Points that were written past the services into the stack's database."""
    problems: list[str] = []
    named: list[str] = []
    """The first events that are not stored as they should be."""


class Kept:
    """The folder of a run's raw data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, begun: Begun) -> None:
        """Note what the run was asked for."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(RUN, begun)

    def begun(self) -> Begun:
        """Return what the run was asked for.

        Raises:
            RunUnusable: the folder is not one of a run.
        """
        return self._read(self.folder / RUN, Begun)

    def set(self, environment: doc.Environment) -> None:
        """Keep the host's facts."""
        self._write(SETTING, environment)

    def environment(self) -> doc.Environment | None:
        """Return the host's facts, where they were kept."""
        file = self.folder / SETTING
        return self._read(file, doc.Environment) if file.exists() else None

    def keep(self, record: Record) -> None:
        """Write a trial; it is there whole or not at all."""
        self._write(f"trial-{record.result.spec.id:03}.json", record)

    def records(self) -> list[Record]:
        """Return all trials that were kept, in their order.

        Raises:
            RunUnusable: a file cannot be read.
        """
        return list(self._records())

    def _records(self) -> Iterator[Record]:
        for file in sorted(self.folder.glob("trial-*.json")):
            yield self._read(file, Record)

    def _write(self, name: str, value: object) -> None:
        new = self.folder / f"{name}.new"
        new.write_bytes(msgspec.json.encode(value))
        new.replace(self.folder / name)

    @staticmethod
    def _read(file: Path, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(file.read_bytes(), type=kind)
        except (OSError, msgspec.MsgspecError) as err:
            raise RunUnusable(str(file), str(err)) from err

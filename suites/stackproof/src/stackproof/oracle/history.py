"""The record of a run as a folder: saved before it is judged, and judged again later.

| file | holds |
|---|---|
| `run.json` | a `RunRecord` |
| `sent.jsonl` | every `Sent` of the source |
| `stored.jsonl` | every `Stored` that the database held at the end |
| `stages.jsonl` | a `Seen`, `Coverage`, `Counters` or `GapRow` a line |
| `faults.jsonl` | a `FaultProof` a line, written as the faults happen |

A writer that is interrupted leaves files without their end line and a run without
`ended_us`. Such a folder is readable, and no event is called lost because of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from ..errors import SourceError, UsageError
from .lines import LineReader, LineWriter
from .records import FaultProof, Sent, StageRecord, Stored
from .run import SCHEMA_VERSION, RunRecord

RUN = "run.json"


class Part(StrEnum):
    """The files beside `run.json`, by what they hold."""

    SENT = "sent"
    STORED = "stored"
    STAGES = "stages"
    FAULTS = "faults"

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self}.jsonl"


class HistoryWriter:
    """Writes the folder of a run.

    `finish` makes it whole; leaving the context without it leaves a partial one.

    Args:
        folder: is made, and must hold no history yet.
        run: what is known when the run begins.

    Raises:
        UsageError: the folder holds something already.
    """

    def __init__(self, folder: Path, run: RunRecord) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{folder}: is not empty; a history needs a new folder")
        self._folder = folder
        _write_run(folder, run)
        self._parts = {part: LineWriter(folder / part.file) for part in Part}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def sent(self, events: Iterable[Sent]) -> None:
        """Append what the source did."""
        self._parts[Part.SENT].write(events)

    def stored(self, rows: Iterable[Stored]) -> None:
        """Append what the database holds."""
        self._parts[Part.STORED].write(rows)

    def stages(self, records: Iterable[StageRecord]) -> None:
        """Append what the stages tell."""
        self._parts[Part.STAGES].write(records)

    def fault(self, proof: FaultProof) -> None:
        """Append one fault, when it is over."""
        self._parts[Part.FAULTS].write([proof])

    def finish(self, run: RunRecord, *, missing: Iterable[Part] = ()) -> None:
        """Say that the record is whole, except for the named parts; close it.

        Args:
            run: what is known at the end, with `ended_us` and the problems.
            missing: parts that could not be read back to their end.
        """
        absent = frozenset(missing)
        for part, writer in self._parts.items():
            if part in absent:
                writer.close()
            else:
                writer.end()
        _write_run(self._folder, run)

    def close(self) -> None:
        """Close the files as they are."""
        for writer in self._parts.values():
            writer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A saved run. Each part can be gone through as often as needed.

    Attributes:
        partial: the parts that have no end: more may have been there.
    """

    run: RunRecord
    sent: Iterable[Sent] = ()
    stored: Iterable[Stored] = ()
    stages: Iterable[StageRecord] = ()
    faults: Iterable[FaultProof] = ()
    partial: frozenset[Part] = field(default_factory=frozenset)


def read_history(folder: Path) -> History:
    """Open a saved run; its parts are read when they are gone through.

    Raises:
        SourceError: there is no `run.json`, or one that cannot be used. Going through
            a part raises it for a line that cannot be read.
    """
    run = _read_run(folder / RUN)
    readers = {
        part: LineReader[msgspec.Struct](folder / part.file, kind)
        for part, kind in _KINDS.items()
        if (folder / part.file).is_file()
    }
    parts: dict[str, Iterable[msgspec.Struct]] = {str(p): r for p, r in readers.items()}
    return History(
        run=run,
        partial=frozenset(
            part for part in Part if part not in readers or not readers[part].whole
        ),
        **parts,  # type: ignore[arg-type] # each reader was made for its part's kind
    )


_KINDS: dict[Part, object] = {
    Part.SENT: Sent,
    Part.STORED: Stored,
    Part.STAGES: StageRecord,
    Part.FAULTS: FaultProof,
}


def _write_run(folder: Path, run: RunRecord) -> None:
    text = msgspec.json.format(msgspec.json.encode(run), indent=2)
    fresh = folder / f"{RUN}.tmp"
    fresh.write_bytes(text + b"\n")
    fresh.replace(folder / RUN)


def _read_run(path: Path) -> RunRecord:
    try:
        raw = path.read_bytes()
        version = msgspec.json.decode(raw, type=_Versioned).schema_version
        if version != SCHEMA_VERSION:
            raise SourceError(
                str(path),
                f"has version {version} of the format, and this stackproof reads "
                f"version {SCHEMA_VERSION}; use the stackproof that saved it",
            )
        return msgspec.json.decode(raw, type=RunRecord)
    except FileNotFoundError as err:
        raise SourceError(
            str(path), "no such file; name the folder of a saved run"
        ) from err
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as err:
        raise SourceError(
            str(path), f"{err}; correct the file, or save the run again"
        ) from err


class _Versioned(msgspec.Struct):
    schema_version: int

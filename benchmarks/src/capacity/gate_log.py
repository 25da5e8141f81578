"""What a gate has measured, a JSON line a run; its runs of A against A above all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from .errors import RunUnusable
from .gate import LEAST_PAIRS, Metric, Sample, Verdict, false_alarm_rate

__all__ = ["Alarms", "Compared", "Entry", "GateLog", "Round", "alarms_of"]

_DRAWS: Final = 2_000
_RATES_ALIKE: Final = 0.1


class Compared(Struct, frozen=True, kw_only=True):
    """A version as it ran: what was asked for, and the images by service."""

    name: str
    images: dict[str, str]


class Round(Struct, frozen=True, kw_only=True):
    """A pair of trials."""

    base: Sample
    new: Sample
    fresh: bool


class Entry(Struct, frozen=True, kw_only=True):
    """One run of the gate; `verdict` is None if it was interrupted.

    `same` is a run of one version against itself. `rate` is in events/s, `seconds`
    is the window of a trial.
    """

    id: str
    at: datetime
    same: bool
    base: Compared
    new: Compared
    fingerprint: str
    rate: float
    seconds: float
    limits: dict[str, str]
    verdict: Verdict | None
    ratios: dict[Metric, tuple[float, float, float]]
    rounds: list[Round]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """How often this host makes the gate red for nothing.

    `red` of `runs` whole runs of a version against itself; `estimate` is the share of
    gates drawn from their `pairs`, NaN from fewer than five.
    """

    runs: int
    red: int
    pairs: int
    estimate: float


class GateLog:
    """The file of all runs; lines are only added."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def add(self, entry: Entry) -> None:
        """Add a run."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")

    def entries(self) -> list[Entry]:
        """Return all runs, the oldest first.

        Raises:
            RunUnusable: a line is none of this file.
        """
        if not self.file.exists():
            return []
        decoder = msgspec.json.Decoder(Entry)
        try:
            lines = self.file.read_bytes().splitlines()
            return [decoder.decode(line) for line in lines]
        except (OSError, msgspec.MsgspecError) as err:
            raise RunUnusable(str(self.file), str(err)) from err


def alarms_of(
    entries: Iterable[Entry],
    *,
    fingerprint: str,
    rate: float,
    seconds: float,
    pairs: int,
    random: np.random.Generator,
    draws: int = _DRAWS,
) -> Alarms:
    """Return the false alarms of one host under one load (pure).

    The estimate is that of gates of so many `pairs`, of which `draws` are made.
    """
    alike = [
        entry
        for entry in entries
        if entry.same
        and entry.fingerprint == fingerprint
        and entry.seconds == seconds
        and abs(entry.rate / rate - 1) <= _RATES_ALIKE
    ]
    ended = [e for e in alike if e.verdict in {Verdict.PASS, Verdict.FAIL}]
    rounds = list(chain.from_iterable(entry.rounds for entry in alike))
    return Alarms(
        runs=len(ended),
        red=sum(entry.verdict is Verdict.FAIL for entry in ended),
        pairs=len(rounds),
        estimate=false_alarm_rate(
            _in_turn(rounds),
            pairs=max(pairs, LEAST_PAIRS),
            runs=draws,
            random=random,
        ),
    )


def _in_turn(rounds: Sequence[Round]) -> list[dict[Metric, float]]:
    return [
        dict(sample.metrics) for found in rounds for sample in (found.base, found.new)
    ]

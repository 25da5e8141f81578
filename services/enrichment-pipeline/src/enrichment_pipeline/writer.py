"""Points go to InfluxDB; what it refuses is narrowed down to the single line.

Every line ends in exactly one of: a write that InfluxDB accepted, expired (older than
the retention), a reject. Anything else raises, and the sender keeps the batch: writing
a line twice changes nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from servicekit.errors import InfluxUnreachable
from servicekit.influx import Answer
from servicekit.retry import REPEATS_BEFORE_BISECT, Verdict, classify

from .batch import Reject
from .errors import Reason, StoreUnavailable, Unavailable
from .influx_state import InfluxState, code_of, describe, names_a_line, refusal
from .points import Key

__all__ = [
    "MAX_CHARACTERS",
    "MAX_LINES",
    "MAX_SUSPICIOUS_WRITES",
    "PROBE_MEASUREMENT",
    "Item",
    "Stored",
    "Write",
    "Writer",
    "parts_of",
]

# InfluxDB's best batch size; see its own guide and the measurements of the design.
MAX_LINES = 5_000
# Keeps one request small when every line carries 16 KiB of attributes.
MAX_CHARACTERS = 8 * 1024 * 1024
# A search for the line that breaks InfluxDB (500) may take this many writes a batch.
MAX_SUSPICIOUS_WRITES = 64
# A measurement that is written only to see whether InfluxDB takes anything at all.
PROBE_MEASUREMENT = "enrichment_probe"
# Batches whose repeated 500s are counted.
_MAX_STREAKS = 8

_INTERNAL_ERROR = 500
_TOO_LARGE = 413
# Statuses that a single line can cause although they do not name it.
_MAY_BE_THE_LINE = frozenset({400, _TOO_LARGE, _INTERNAL_ERROR})
_EXPIRED = re.compile(r"dropped (\d+) points outside retention policy")
_DROPPED = re.compile(r"dropped=(\d+)")

Item = tuple[Key, str]
Write = Callable[[bytes], Awaitable[Answer]]


class Stored(Struct, frozen=True, kw_only=True):
    """What became of the points; the three sum to their number."""

    written: int
    expired: int
    rejects: list[Reject]


@dataclass(slots=True)
class _Progress:
    """One batch on its way: parts to write, sums, and a line that was taken."""

    parts: list[list[Item]]
    first: Key
    suspect: bool
    written: int = 0
    expired: int = 0
    rejects: list[Reject] = field(default_factory=list)
    taken: Item | None = None
    suspicious_writes: int = 0

    def done(self, part: list[Item]) -> None:
        """Count a part that InfluxDB took whole."""
        self.written += len(part)
        self.taken = part[-1]

    def narrow(self, part: list[Item], answer: Answer, reason: Reason) -> None:
        """Split a part that holds a refused line, or reject that line."""
        if len(part) == 1:
            self.reject(part, answer, reason)
        else:
            self.split(part)

    def split(self, part: list[Item]) -> None:
        """Write the two halves of a part next."""
        middle = len(part) // 2
        self.parts += [part[middle:], part[:middle]]

    def reject(self, part: list[Item], answer: Answer, reason: Reason) -> None:
        """Give up the lines of a part, with the answer as the evidence."""
        self.rejects += [
            Reject(
                reason=reason,
                detail=describe(answer),
                payload=line,
                entity_id=entity_id,
                time_us=time_us,
            )
            for (entity_id, time_us), line in part
        ]


class Writer:
    """Stores points by the rules of InfluxDB 2.7's answers."""

    def __init__(
        self,
        write: Write,
        state: InfluxState,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._write = write
        self._state = state
        self._clock = clock
        self._streaks: dict[tuple[Key, str], int] = {}

    async def store(self, points: dict[Key, str], *, suspect: bool = False) -> Stored:
        """Write every point; return what became of them.

        Args:
            points: the lines by their keys.
            suspect: a line of them has broken InfluxDB before, so that a 500 is
                looked into at once.

        Raises:
            StoreUnavailable: InfluxDB cannot take the batch now; nothing may be
                acknowledged.
        """
        if not points:
            return Stored(written=0, expired=0, rejects=[])
        parts = list(parts_of(list(points.items())))
        progress = _Progress(parts[::-1], next(iter(points)), suspect)
        while progress.parts:
            part = progress.parts.pop()
            await self._judge(progress, part, await self._send(part))
        self._forget(progress.first)
        return Stored(
            written=progress.written,
            expired=progress.expired,
            rejects=progress.rejects,
        )

    async def _send(self, part: list[Item]) -> Answer:
        body = "\n".join([line for _, line in part]).encode()
        try:
            answer = await self._write(body)
        except InfluxUnreachable as err:
            self._state.unreachable(err)
            raise refusal(Unavailable.UNREACHABLE, str(err)) from err
        self._state.answered(answer)
        return answer

    async def _judge(
        self, progress: _Progress, part: list[Item], answer: Answer
    ) -> None:
        match classify(answer.status, repeated=self._repeated(progress, answer)):
            case Verdict.DONE:
                progress.done(part)
            case Verdict.PARTIAL:
                _judge_partial(progress, part, answer)
            case Verdict.BISECT if names_a_line(answer):
                progress.narrow(part, answer, Reason.LINE_REFUSED)
            case Verdict.HALVE | Verdict.BISECT if len(part) == 1:
                await self._confirm(progress, part)
            case Verdict.HALVE:
                progress.split(part)
            case Verdict.BISECT:
                self._search(progress, part, answer)
            case Verdict.RETRY | Verdict.PAUSE:
                raise _refused(answer)

    def _repeated(self, progress: _Progress, answer: Answer) -> int:
        """Count how often the batch, known by its first line, got the same 500."""
        if answer.status != _INTERNAL_ERROR:
            return 0
        if progress.suspect or progress.suspicious_writes:
            return REPEATS_BEFORE_BISECT
        streak = (progress.first, answer.message)
        repeated = self._streaks.pop(streak, 0)
        self._streaks[streak] = repeated + 1
        if len(self._streaks) > _MAX_STREAKS:
            del self._streaks[next(iter(self._streaks))]
        return repeated

    def _search(self, progress: _Progress, part: list[Item], answer: Answer) -> None:
        """Look for the line behind an answer that does not name one."""
        progress.suspicious_writes += 1
        if progress.suspicious_writes > MAX_SUSPICIOUS_WRITES:
            raise self._give_up(progress, answer)
        progress.split(part)

    async def _confirm(self, progress: _Progress, part: list[Item]) -> None:
        """Reject a line only if InfluxDB refuses it again and then takes another."""
        answer = await self._send(part)
        if classify(answer.status) is Verdict.DONE:
            progress.done(part)
        elif answer.status in _MAY_BE_THE_LINE and await self._takes_another(progress):
            large = answer.status == _TOO_LARGE
            reason = Reason.LINE_TOO_LARGE if large else Reason.INTERNAL_ERROR
            progress.reject(part, answer, reason)
        else:
            raise self._give_up(progress, answer)

    async def _takes_another(self, progress: _Progress) -> bool:
        """Write a line of the batch once more, or one of our own if none was taken."""
        line = f"{PROBE_MEASUREMENT} ok=true {int(self._clock())}000000"
        plain = progress.taken or ((PROBE_MEASUREMENT, 0), line)
        answer = await self._send([plain])
        return classify(answer.status) is Verdict.DONE

    def _give_up(self, progress: _Progress, answer: Answer) -> StoreUnavailable:
        """Return the refusal of a batch of which no line can be blamed."""
        self._forget(progress.first)
        if classify(answer.status) in (Verdict.BISECT, Verdict.HALVE):
            self._state.refuses_all(answer)
        return _refused(answer, Unavailable.OVERLOADED)

    def _forget(self, first: Key) -> None:
        for streak in [streak for streak in self._streaks if streak[0] == first]:
            del self._streaks[streak]


def parts_of(items: list[Item]) -> Iterator[list[Item]]:
    """Cut items into parts that fit into one write."""
    part: list[Item] = []
    room = MAX_CHARACTERS
    for item in items:
        size = len(item[1])
        if part and (len(part) >= MAX_LINES or size > room):
            yield part
            part, room = [], MAX_CHARACTERS
        part.append(item)
        room -= size
    if part:
        yield part


def _judge_partial(progress: _Progress, part: list[Item], answer: Answer) -> None:
    """Take apart a 422.

    Lines outside the retention are reported only after all others are stored. A
    conflict is reported while other shards are still being written, so the rest is
    written again, until each good line was in a write with a clean answer.
    """
    expired = _EXPIRED.search(answer.message)
    if expired is not None:
        gone = min(int(expired[1]), len(part))
        progress.expired += gone
        progress.written += len(part) - gone
        return
    conflict = "field type conflict" in answer.message
    reason = Reason.FIELD_TYPE_CONFLICT if conflict else Reason.POINT_DROPPED
    dropped = _DROPPED.search(answer.message)
    if dropped is not None and int(dropped[1]) >= len(part):
        progress.reject(part, answer, reason)
    else:
        progress.narrow(part, answer, reason)


def _refused(answer: Answer, code: Unavailable | None = None) -> StoreUnavailable:
    return refusal(code or code_of(answer.status), describe(answer), answer.retry_after)

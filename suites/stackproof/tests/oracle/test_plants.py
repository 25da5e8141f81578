"""The judge is judged: in random runs it finds exactly what was planted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from stackproof.check import Verdict
from stackproof.oracle import (
    History,
    Judgement,
    Part,
    RunRecord,
    Seen,
    Sent,
    Stage,
    Stored,
    judge,
)
from stackproof.oracle.judgement import Flaw

BASE = 1_700_000_000_000_000
STAGES = (Stage.SPOOL, Stage.ENRICHMENT, Stage.DATABASE, Stage.DEAD_LETTER)
PLANTS = (
    "fine",
    "lost",
    "two rows",
    "two times",
    "other state",
    "moved",
    "indeterminate stored",
    "indeterminate absent",
    "recorded only",
    "recorded only lost",
    "background",
)
_ALL = 10_000


@dataclass(slots=True)
class Planted:
    """A run and what was planted into it, by serial; `extra` rows have none."""

    sent: list[Sent] = field(default_factory=list)
    stored: list[Stored] = field(default_factory=list)
    stages: list[Seen] = field(default_factory=list)
    lost: dict[int, Stage] = field(default_factory=dict)
    duplicated: list[int] = field(default_factory=list)
    corrupted: list[int] = field(default_factory=list)
    unexpected: int = 0
    background: int = 0

    def judged(
        self, *, partial: Iterable[Part] = (), capped: bool = False
    ) -> Judgement:
        """Return what the judge says of it."""
        run = RunRecord(
            source="plants",
            scenario="plants",
            started_us=BASE,
            ended_us=BASE + 1,
            scope=("sensor.*",),
            capped=capped,
        )
        history = History(
            run=run,
            sent=self.sent,
            stored=self.stored,
            stages=self.stages,
            partial=frozenset(partial),
        )
        return judge(history, examples=_ALL)


@st.composite
def runs(draw: st.DrawFn) -> Planted:
    """Make a run with random plants, at most one for each event."""
    planted = Planted()
    gaps = draw(st.lists(st.integers(1, 5_000), min_size=1, max_size=40))
    time_us = BASE
    for serial, gap in enumerate(gaps):
        # Odd steps: the times of moved rows are even and belong to no event.
        time_us += 2 * gap
        event = Sent(
            serial=serial,
            entity_id=f"sensor.r_{draw(st.integers(0, 3))}",
            time_us=time_us + 1,
            state=draw(st.sampled_from(["on", "off", "unavailable", None])),
            on_wire=True,
        )
        plant(planted, event, draw(st.sampled_from(PLANTS)), draw)
    for number in range(draw(st.integers(0, 3))):
        planted.unexpected += 1
        planted.stored.append(
            Stored(
                entity_id=f"sensor.r_{number}",
                time_us=BASE - 2 * number,
                state="on",
                serial=draw(st.sampled_from([None, 100_000])),
            )
        )
    planted.sent = draw(st.permutations(planted.sent))
    planted.stored = draw(st.permutations(planted.stored))
    planted.stages = draw(st.permutations(planted.stages))
    return planted


def plant(planted: Planted, event: Sent, what: str, draw: st.DrawFn) -> None:
    """Add an event with its rows, as the plant wants them."""
    row = stored(event)
    rows = [row]
    match what:
        case "fine":
            pass
        case "lost":
            rows = []
            lose(planted, event, draw)
        case "two rows":
            rows = [row, row]
            planted.duplicated.append(event.serial)
        case "two times":
            # At its own place in the order, so that nothing else is wrong.
            rows = [row, stored(event, time_us=event.time_us - 1)]
            planted.duplicated.append(event.serial)
        case "other state":
            rows = [stored(event, state="never sent")]
            planted.corrupted.append(event.serial)
        case "moved":
            rows = [stored(event, time_us=event.time_us - 1)]
            planted.corrupted.append(event.serial)
        case "indeterminate stored":
            event = with_flags(event, on_wire=False, recorded=False)
        case "indeterminate absent":
            event, rows = with_flags(event, on_wire=False, recorded=False), []
        case "recorded only":
            event = with_flags(event, on_wire=False, recorded=True)
        case "recorded only lost":
            event, rows = with_flags(event, on_wire=False, recorded=True), []
            lose(planted, event, draw)
        case _:
            rows = [row, stored(event, entity_id="sun.sun")]
            planted.background += 1
    planted.sent.append(event)
    planted.stored += rows


def stored(event: Sent, **other: object) -> Stored:
    """Return the row of an event, or one that differs."""
    fields: dict[str, object] = {
        "entity_id": event.entity_id,
        "time_us": event.time_us,
        "state": event.state,
        "serial": event.serial,
    }
    return Stored(**{**fields, **other})  # type: ignore[arg-type] # names a few of them


def with_flags(event: Sent, *, on_wire: bool, recorded: bool) -> Sent:
    """Return the event as the source would have it."""
    return Sent(
        serial=event.serial,
        entity_id=event.entity_id,
        time_us=event.time_us,
        state=event.state,
        on_wire=on_wire,
        recorded=recorded,
    )


def lose(planted: Planted, event: Sent, draw: st.DrawFn) -> None:
    """Lose an event after some stages."""
    reached = draw(st.sets(st.sampled_from(STAGES)))
    planted.lost[event.serial] = max(
        reached, key=lambda stage: stage.depth, default=Stage.UNKNOWN
    )
    planted.stages += [
        Seen(stage=stage, entity_id=event.entity_id, time_us=event.time_us)
        for stage in sorted(reached)
    ]


def serials(judgement: Judgement, flaw: Flaw) -> list[int]:
    """Return the serials that show a flaw, in order."""
    examples = judgement.findings[flaw].examples
    return sorted(e.serial for e in examples if e.serial is not None)


@given(planted=runs())
@settings(max_examples=150)
def test_exactly_the_plants_are_found(planted: Planted) -> None:
    """Every plant has its name, and nothing has one that was not planted."""
    judgement = planted.judged()

    lost = judgement.findings[Flaw.LOST].examples
    assert {example.serial: example.stage for example in lost} == planted.lost
    assert serials(judgement, Flaw.DUPLICATED) == planted.duplicated
    assert serials(judgement, Flaw.CORRUPTED) == planted.corrupted
    assert judgement.count(Flaw.UNEXPECTED) == planted.unexpected
    assert judgement.count(Flaw.REORDERED) == 0
    assert judgement.tally.background == planted.background


@given(planted=runs())
def test_verdict_is_green_only_without_plants(planted: Planted) -> None:
    """Pass means that nothing was planted and something had to be stored."""
    judgement = planted.judged()
    flawed = bool(
        planted.lost or planted.duplicated or planted.corrupted or planted.unexpected
    )
    proven = any(event.acknowledged for event in planted.sent)

    if flawed:
        assert judgement.verdict is Verdict.FAIL
    else:
        assert judgement.verdict is (Verdict.PASS if proven else Verdict.UNKNOWN)


@given(planted=runs(), part=st.sampled_from(Part), capped=st.booleans())
def test_partial_record_is_never_green(
    planted: Planted, part: Part, *, capped: bool
) -> None:
    """A record with a hole passes only where the hole cannot hide a loss."""
    judgement = planted.judged(partial=[part], capped=capped)

    if part is not Part.STAGES or capped:
        assert judgement.verdict is not Verdict.PASS
    if part is Part.STORED:
        assert judgement.count(Flaw.LOST) == 0
        missing = len(planted.lost)
        assert judgement.tally.unknown >= missing


@given(planted=runs())
def test_numbers_add_up(planted: Planted) -> None:
    """Every event is stored, lost, moved or was free to be absent."""
    judgement = planted.judged()
    tally = judgement.tally
    by_place = sum(judgement.last_seen.values())

    assert tally.events == len(planted.sent)
    assert tally.acknowledged + tally.indeterminate == tally.events
    assert tally.rows + tally.background == len(planted.stored)
    assert by_place == judgement.count(Flaw.LOST) == len(planted.lost)


@given(
    states=st.lists(st.integers(), min_size=2, max_size=12, unique=True),
    data=st.data(),
)
def test_swapped_values_are_out_of_order(
    states: list[int], data: st.DataObject
) -> None:
    """Two values of one entity that changed places are found, and only they."""
    sent = [
        Sent(
            serial=number,
            entity_id="sensor.r_0",
            time_us=BASE + number,
            state=str(state),
            on_wire=True,
        )
        for number, state in enumerate(states)
    ]
    places = st.integers(0, len(states) - 1)
    one, two = data.draw(
        st.tuples(places, places).filter(lambda pair: pair[0] != pair[1])
    )
    shuffled = [event.state for event in sent]
    shuffled[one], shuffled[two] = shuffled[two], shuffled[one]
    rows = [
        Stored(entity_id="sensor.r_0", time_us=event.time_us, state=state)
        for event, state in zip(sent, shuffled, strict=True)
    ]

    judgement = Planted(sent=sent, stored=rows).judged()

    assert serials(judgement, Flaw.REORDERED) == sorted([one, two])
    assert serials(judgement, Flaw.CORRUPTED) == sorted([one, two])
    assert judgement.count(Flaw.LOST) == judgement.count(Flaw.DUPLICATED) == 0

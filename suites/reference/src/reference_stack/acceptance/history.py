"""Save a run as a history, before anybody judges it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from stackproof.influx import event_key
from stackproof.oracle import (
    GAPS,
    Counters,
    Coverage,
    HistoryWriter,
    Judgement,
    Part,
    RunRecord,
    Seen,
    Sent,
    Stage,
    StageRecord,
    Stored,
    judge,
    read_history,
)
from stackproof.report.scrub import scrubber_of

from .observation import Counts, Observation
from .world import INGESTION, World


def saved(folder: Path, world: World, seen: Observation) -> Judgement:
    """Write a run's history into a new folder and judge it from there."""
    run = RunRecord(
        source=str(seen.scenario.source),
        scenario=seen.scenario.name,
        started_us=seen.started_us,
        ended_us=seen.ended_us,
        run_ids=(seen.run_id,),
        seed=world.seed,
        scope=world.traffic.scope,
        settings={"rate": seen.rate, "flow_seconds": world.flow_seconds},
        images=images(world),
        problems=seen.problems,
    )
    with HistoryWriter(folder, run) as history:
        history.sent(_sent(seen))
        history.stored(_stored(world, seen))
        history.stages(_stages(seen))
        for proof in seen.proofs:
            history.fault(proof)
        absent = {Part.SENT: "sent", Part.STORED: "rows"}
        missing = [part for part, name in absent.items() if name in seen.missing]
        history.finish(run, missing=missing)
    _keep_logs(folder / "logs", world, seen)
    return judge(read_history(folder))


def _keep_logs(folder: Path, world: World, seen: Observation) -> None:
    """Write what the services have logged, without secrets, for whoever asks why."""
    folder.mkdir()
    scrub = scrubber_of(world.proof.document)
    for name, text in seen.logs.items():
        (folder / f"{name}.log").write_text(scrub.text(text), "utf-8")


def images(world: World) -> dict[str, str]:
    """Return the image id of each service."""
    return {
        row.service: str(row.attrs.get("Image", "")) for row in world.proof.containers()
    }


def _sent(seen: Observation) -> Iterator[Sent]:
    for event in seen.sent:
        yield Sent(
            serial=event.serial,
            entity_id=event.entity_id,
            time_us=event.time_us,
            state=event.state,
            on_wire=event.on_wire,
            recorded=event.recorded,
            intended_us=event.intended_us,
        )


def _stored(world: World, seen: Observation) -> Iterator[Stored]:
    unstamped = {event.key for event in seen.sent if not world.traffic.stamped(event)}
    for row in seen.rows:
        yield Stored(
            entity_id=row.entity_id,
            time_us=row.time_us,
            state=row.state,
            serial=None if row.key in unstamped else row.serial,
            attributes=row.attributes,
        )


def _stages(seen: Observation) -> Iterator[StageRecord]:
    gaps_read = "gaps" not in seen.missing
    yield Coverage(of=GAPS, complete=gaps_read, reason=seen.missing.get("gaps", ""))
    yield from seen.gaps
    if seen.after is not None:
        yield counters_of(seen.after)
    yield from _dead_letters(seen)


def counters_of(counts: Counts) -> Counters:
    """Return counters as a history has them (pure)."""
    return Counters(
        source=INGESTION,
        at_us=counts.at_us,
        values={
            "received": counts.received,
            "forwarded": counts.forwarded,
            "pending": counts.pending,
            "written": counts.written,
            "merged": counts.merged,
            "dead_lettered": counts.dead_lettered,
            "expired": counts.expired,
        },
    )


def _dead_letters(seen: Observation) -> Iterable[Seen]:
    known = {event.key for event in seen.sent}
    for letter in seen.admin.get("/deadletters", {}).get("deadletters", ()):
        entity_id, time_us = letter["entity_id"], letter["time_us"]
        if time_us is not None and event_key(entity_id, time_us) in known:
            yield Seen(
                stage=Stage.DEAD_LETTER,
                entity_id=entity_id,
                time_us=time_us,
                detail=letter["reason"],
            )

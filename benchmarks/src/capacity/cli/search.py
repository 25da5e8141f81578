"""`capacity run`: preflight, search, report."""

from __future__ import annotations

import argparse
import math
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime

import msgspec
from docker import DockerClient
from docker.errors import DockerException

from reference_stack.project import REPOSITORY
from stackproof.errors import StackproofError
from stackproof.interrupt import interrupted_once

from .. import document as doc
from ..arrivals import PERIOD
from ..assemble import assemble
from ..conclude import Facts, Seen, points_of
from ..errors import BadAnswer, StackFailed, UsageError
from ..fingerprint import environment_of, git_of, probe
from ..kept import Begun, Kept
from ..load import LocustLoad
from ..measure import Measurer
from ..progress import ConsoleTeller
from ..report.folder import new_folder, write
from ..runner import drive, profile_of, resumed
from ..search import Search
from ..stack_rig import StackRig
from ..stacks import attached, limits_from, owned
from ..trace import RecordedTrace, read_trace
from ..trial import Arrival, Phase, Slo
from ..workload import Workload
from .host import data_folder, open_engine
from .options import ERROR, INTERRUPTED, PASS
from .runs import show_run

__all__ = ["search"]

TRIALS = "trials"
LOAD = "load"
_CODES = {doc.Status.PASS: PASS, doc.Status.INCONCLUSIVE: PASS}


def search(args: argparse.Namespace) -> int:
    """Search the capacity and write its report.

    Raises:
        CapacityError: an option, the stack, the load or the folder to go on with is
            unusable.
    """
    started = time.monotonic()
    trace = _trace(args)
    limits = _limits(args)
    teller = ConsoleTeller()
    with (
        interrupted_once(),
        closing(open_engine()) as engine,
        ExitStack() as cleanup,
    ):
        slo = Slo(limit=args.slo_p99 / 1000)
        begun = _begun(args, trace)
        folder = args.resume or args.reports / f"unfinished-{begun.id}"
        kept = Kept(folder / TRIALS)
        if args.resume:
            going_on = resumed(kept, begun, slo)
            begun = kept.begun()
        teller.said(f"starting the stack; trials go to {kept.folder}")
        try:
            rig = cleanup.enter_context(_rig(engine, args, limits))
        except (StackproofError, DockerException) as err:
            raise StackFailed(str(err)) from err
        if not args.resume:
            begun = msgspec.structs.replace(begun, start_up=time.monotonic() - started)
            kept.begin(begun)
            profile = profile_of(begun)
            going_on = Search(
                profile,
                slo,
                arrival=Arrival(args.arrival),
                skip=map(Phase, args.skip),
                real=rig.real,
            )
        data = data_folder(rig)
        fsync: list[tuple[float, float]] = []

        def probed(seconds: float) -> float:
            fsync.append(probe(data, seconds))
            return fsync[-1][1]

        load = cleanup.enter_context(
            LocustLoad(
                folder / LOAD,
                processes=args.processes,
                workers=args.workers,
                web=args.web,
                real=rig.real,
            )
        )
        measurer = Measurer(
            rig,
            load,
            slo=slo,
            workload=Workload(
                prefix=f"sensor.cap{begun.id[-6:]}",
                entities=begun.entities,
                entity_growth=begun.entity_growth,
                period=trace.period if trace.offsets else begun.period,
                offsets=trace.offsets,
                payload_bytes=begun.payload_bytes,
                seed=begun.seed,
            ),
            fsync=probed,
            began=started,
        )
        before, first_bytes = len(kept.records()), rig.stored_bytes()
        driven = drive(going_on, measurer.run, kept=kept, slo=slo, teller=teller)
        seen = [
            Seen(record=record, judgement=judgement)
            for record, judgement in driven.records
        ]
        environment = kept.environment()
        if environment is None:
            environment = environment_of(
                engine,
                rig.containers(),
                fsync=fsync[-1] if fsync else (0.0, 0.0),
                steal=max((s.result.host.steal for s in seen), default=0.0),
                folder=data,
            )
            kept.set(environment)
        report = assemble(
            begun,
            seen,
            driven.done,
            environment=environment,
            facts=_facts(rig, seen[before:], first_bytes),
            slo=slo,
            git=git_of(REPOSITORY),
            duration=time.monotonic() - started,
            problems=[driven.problem] if driven.problem else [],
        )
    final = folder if args.resume else new_folder(report, args.reports)
    whole = write(report, final)
    if not args.resume:
        shutil.move(kept.folder, final / TRIALS)
        shutil.move(folder / LOAD / "locust.log", final / TRIALS / "locust.log")
        shutil.rmtree(folder)
    show_run(whole, final, reports=args.reports)
    if driven.done is None:
        return ERROR if driven.problem else INTERRUPTED
    return _CODES.get(whole.verdict.status, ERROR)


@contextmanager
def _rig(
    engine: DockerClient, args: argparse.Namespace, limits: Mapping[str, str]
) -> Iterator[StackRig]:
    real = args.entry == doc.Entry.REAL_HA
    if args.attach:
        with attached(engine, args.attach, real=real) as rig:
            yield rig
        return
    with owned(
        engine,
        real=real,
        version=args.image_version,
        limits=limits,
        source_cpus=args.source_cpus,
    ) as rig:
        yield rig


def _limits(args: argparse.Namespace) -> dict[str, str]:
    """Return the limits of the run's own stack.

    Raises:
        UsageError: the stack does not know one, or none can be set.
    """
    if args.attach:
        for option, value in (
            ("--limit", args.limit),
            ("--image-version", args.image_version),
            ("--source-cpus", args.source_cpus),
        ):
            if value:
                raise UsageError(
                    f"{option} is for a stack of its own; --attach takes one as it is"
                )
    return limits_from(args.limit)


def _trace(args: argparse.Namespace) -> RecordedTrace:
    """Return the recording, an empty one where none is asked for.

    Raises:
        UsageError: options of the load that do not go together.
        TraceUnusable: the file is no trace.
    """
    replayed = args.arrival == Arrival.TRACE
    if replayed and args.trace is None:
        raise UsageError("--arrival trace needs --trace FILE")
    if args.trace is not None and not replayed:
        raise UsageError("--trace FILE needs --arrival trace")
    if not 0 < args.period < math.inf:
        raise UsageError(f"--period {args.period:g}: more than 0 seconds are meant")
    if (
        args.entities < 1
        or args.payload_bytes < 0
        or not 0 <= args.entity_growth < math.inf
    ):
        raise UsageError("--entities, --entity-growth, --payload-bytes: too small")
    return read_trace(args.trace) if replayed else RecordedTrace()


def _begun(args: argparse.Namespace, trace: RecordedTrace) -> Begun:
    now = datetime.now(UTC)
    return Begun(
        id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        started=now,
        profile=args.profile,
        slo_p99=args.slo_p99,
        arrival=args.arrival,
        entry=args.entry,
        entities=args.entities,
        payload_bytes=args.payload_bytes,
        seed=args.seed,
        period=args.period,
        trace=trace.name,
        entity_growth=args.entity_growth,
        command=_command(args),
        owned=not args.attach,
        skip=tuple(sorted(set(args.skip))),
    )


def _command(args: argparse.Namespace) -> str:
    words = ["capacity run", f"--profile {args.profile}"]
    words += [f"--slo-p99 {args.slo_p99:g}"] if args.slo_p99 != 1000 else []
    words += [f"--attach {args.attach}"] if args.attach else []
    words += [f"--entry {args.entry}"] if args.entry != doc.Entry.FAKE_HA else []
    words += [f"--arrival {args.arrival}"] if args.arrival != "constant" else []
    words += [f"--period {args.period:g}"] if args.period != PERIOD else []
    words += [f"--trace {args.trace}"] if args.trace else []
    words += [f"--entities {args.entities}"] if args.entities != 1000 else []
    words += [f"--entity-growth {args.entity_growth:g}"] if args.entity_growth else []
    words += [f"--payload-bytes {args.payload_bytes}"] if args.payload_bytes else []
    words += [f"--limit {pair}" for pair in args.limit]
    words += [f"--image-version {args.image_version}"] if args.image_version else []
    words += [f"--source-cpus {args.source_cpus:g}"] if args.source_cpus else []
    words += [f"--skip {name}" for name in sorted(set(args.skip))]
    return " ".join(words)


def _facts(rig: StackRig, seen: list[Seen], first_bytes: int | None) -> Facts:
    """Return what the stack tells at the end; it may have stopped answering."""
    now = rig.stored_bytes()
    series = limit = 0
    with suppress(BadAnswer):
        limit = rig.counts().spool_limit
        series = rig.series()
    return Facts(
        series=series,
        stored_bytes=None if None in {now, first_bytes} else _grown(first_bytes, now),
        stored_points=points_of(seen),
        retention_days=float(rig.settings.get("INFLUXDB_RETENTION_DAYS", "0") or 0),
        spool_limit=limit,
    )


def _grown(before: int | None, after: int | None) -> int:
    return max(0, (after or 0) - (before or 0))

"""`capacity gate`: two versions in turns on this host; did it become worse?"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from docker import DockerClient
from docker.errors import DockerException

from reference_stack.project import REPOSITORY
from stackproof.errors import StackproofError
from stackproof.interrupt import interrupted_once

from .. import document as doc
from ..duel import Bout, Duel, Duelled
from ..errors import BadAnswer, CapacityError, StackFailed, UsageError
from ..fingerprint import environment_of
from ..gate import LEAST_PAIRS, Side, Verdict
from ..gate.table import sentence_of, table_of
from ..gate_log import Alarms, Compared, Entry, GateLog, Round, alarms_of
from ..load import LocustLoad
from ..progress import ConsoleTeller
from ..report.index import runs_in
from ..report.words import percent, plural, rate
from ..rig import Rig
from ..stack_rig import StackRig
from ..stacks import limits_from, owned
from ..trial import Slo
from ..turns import SETTLE, Start, Turns
from ..versions import WORKING_TREE, Version, find_version
from ..workload import Workload
from .host import data_folder, open_engine
from .options import INTERRUPTED, PASS, UNDECIDED, WORSE

__all__ = ["gate"]

HISTORY: Final = "history.jsonl"
LOAD: Final = "load"
_SHARE_OF_EDGE: Final = 0.7
_STACK_SECONDS: Final = 45.0
"""To start and to remove a stack, until it is known."""
_CODES: Final = {
    Verdict.PASS: PASS,
    Verdict.FAIL: WORSE,
    Verdict.CONFIRM: UNDECIDED,
    Verdict.INCONCLUSIVE: UNDECIDED,
    Verdict.NOT_COMPARABLE: UNDECIDED,
}


def gate(args: argparse.Namespace) -> int:
    """Compare two versions, or one with itself, and keep what was measured.

    Raises:
        CapacityError: a version, the stack, the load or a file is unusable.
    """
    names = _names(args)
    eps = _rate(args)
    limits = limits_from(args.limit)
    log = GateLog(args.out / HISTORY)
    log.entries()  # a file that cannot be read is said now, not after the trials
    teller = ConsoleTeller()
    random = np.random.default_rng(args.seed)
    with interrupted_once(), closing(open_engine()) as engine, ExitStack() as cleanup:
        versions = {
            side: find_version(engine, name, repository=REPOSITORY, said=teller.said)
            for side, name in names.items()
        }
        load = cleanup.enter_context(LocustLoad(args.out / LOAD))
        turns = Turns(
            _starter(engine, limits),
            load,
            versions,
            rate=eps,
            seconds=args.seconds,
            slo=Slo(limit=args.slo_p99 / 1000),
            workload=Workload(prefix="sensor.gate", entities=args.entities),
        )
        duel = Duel(
            turns.trial,
            pairs=args.pairs,
            random=random,
            said=teller.said,
            clock=time.monotonic,
            trial_seconds=_STACK_SECONDS + SETTLE + args.seconds,
        )
        teller.said(
            f"{names[Side.BASE]} and {names[Side.NEW]} in turns at {rate(eps)}, "
            f"{args.seconds:g} s a trial, a fresh stack for each"
        )
        try:
            ended = duel.run()
        except KeyboardInterrupt:
            log.add(_entry(args, versions, limits, eps, duel.bouts, None))
            teller.said(f"interrupted: whole pairs are kept in {log.file}")
            return INTERRUPTED
        except CapacityError:
            log.add(_entry(args, versions, limits, eps, duel.bouts, None))
            raise
    entry = _entry(args, versions, limits, eps, duel.bouts, ended)
    log.add(entry)
    alarms = alarms_of(
        log.entries(),
        fingerprint=entry.fingerprint,
        rate=eps,
        seconds=args.seconds,
        pairs=args.pairs,
        random=random,
    )
    sys.stdout.write("\n".join(_text(ended, names, alarms, log.file)) + "\n")
    if args.aa and ended.result.verdict in {Verdict.PASS, Verdict.FAIL}:
        return PASS
    return _CODES[ended.result.verdict]


def _starter(engine: DockerClient, limits: Mapping[str, str]) -> Start:
    """Return what starts a version's stack on this host."""

    @contextmanager
    def start(version: Version) -> Iterator[tuple[Rig, str]]:
        with ExitStack() as cleanup:
            try:
                rig = cleanup.enter_context(
                    owned(engine, limits=limits, images=version.images)
                )
            except (StackproofError, DockerException, BadAnswer) as err:
                raise StackFailed(f"version {version.name}: {err}") from err
            _need_same_images(rig, version)
            host = environment_of(
                engine,
                rig.containers(),
                fsync=(0.0, 0.0),
                steal=0.0,
                folder=data_folder(rig),
            )
            yield rig, host.fingerprint_sha

    return start


def _need_same_images(rig: StackRig, version: Version) -> None:
    """Tell when somebody gives the tag to another image between two trials."""
    running = {
        name: str(container.attrs["Image"])
        for name, container in rig.containers().items()
    }
    for service, wanted in version.ids.items():
        if running.get(service) != wanted:
            problem = f"version {version.name}: the image of {service} was replaced"
            raise StackFailed(problem)


def _names(args: argparse.Namespace) -> dict[Side, str]:
    """Return what is compared with what."""
    if args.aa:
        if args.candidate is not None:
            raise UsageError("--aa compares --base with itself: leave out --candidate")
        name = args.base or WORKING_TREE
        return {Side.BASE: name, Side.NEW: name}
    if args.base is None:
        raise UsageError("name what to compare with: --base TAG, or --base COMMIT")
    return {Side.BASE: args.base, Side.NEW: args.candidate or WORKING_TREE}


def _rate(args: argparse.Namespace) -> float:
    """Return the rate: the one that is given, or 0.7 of an edge that was measured."""
    if args.rate is not None:
        eps = args.rate
    elif args.report is not None:
        edge = doc.read(args.report).verdict.edge
        if edge is None:
            raise UsageError(f"--report {args.report}: it has found no edge: --rate N")
        eps = _SHARE_OF_EDGE * edge.lower
    else:
        runs = runs_in(args.reports).values() if args.reports.is_dir() else ()
        edges = [
            (run.run.started, run.verdict.edge.lower)
            for run in runs
            if run.verdict.edge is not None and run.workload.entry is doc.Entry.FAKE_HA
        ]
        if not edges:
            raise UsageError(
                f"at which rate? give --rate N; {args.reports} has no run to take it of"
            )
        eps = _SHARE_OF_EDGE * max(edges)[1]
    if not eps >= 1 or not args.seconds >= 1 or args.pairs < 1:
        raise UsageError("--rate, --seconds and --pairs are 1 at least")
    return float(eps)


def _entry(
    args: argparse.Namespace,
    versions: Mapping[Side, Version],
    limits: dict[str, str],
    eps: float,
    bouts: Sequence[Bout],
    ended: Duelled | None,
) -> Entry:
    now = datetime.now(UTC)
    findings = ended.result.findings if ended else ()
    base, new = (
        Compared(name=version.name, images=version.ids)
        for version in (versions[Side.BASE], versions[Side.NEW])
    )
    return Entry(
        id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        at=now,
        same=base.images == new.images,
        base=base,
        new=new,
        fingerprint=bouts[0].base.fingerprint if bouts else "",
        rate=eps,
        seconds=args.seconds,
        limits=limits,
        verdict=ended.result.verdict if ended else None,
        ratios={f.metric: (f.ratio.value, f.ratio.low, f.ratio.high) for f in findings},
        rounds=[Round(base=b.base, new=b.new, fresh=b.fresh) for b in bouts],
    )


def _text(
    ended: Duelled, names: Mapping[Side, str], alarms: Alarms, file: Path
) -> list[str]:
    confirmed = ended.first is not None
    shown = [bout for bout in ended.bouts if bout.fresh == confirmed]
    return [
        f"base  {names[Side.BASE]}",
        f"new   {names[Side.NEW]}",
        "",
        *table_of(ended.result, [b.base for b in shown], [b.new for b in shown]),
        "",
        _alarms(alarms),
        f"kept in {file}",
        f"verdict: {sentence_of(ended.result, ended.first)}",
    ]


def _alarms(alarms: Alarms) -> str:
    if not alarms.runs and not alarms.pairs:
        return (
            "false alarms: not measured on this host under this load; "
            "`capacity gate --aa` does it"
        )
    whole = (
        f"{alarms.red} of {plural(alarms.runs, 'run')} of a version against itself"
        if alarms.runs
        else "no whole run of a version against itself yet"
    )
    said = f"false alarms on this host under this load: {whole}"
    if alarms.pairs < LEAST_PAIRS:
        return f"{said}; {plural(alarms.pairs, 'pair')} are too few to draw gates from"
    return (
        f"{said}; {percent(alarms.estimate)} of gates drawn from {alarms.pairs} pairs"
    )

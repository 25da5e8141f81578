"""Kill services at random moments under load, and account for every event.

Each kill is SIGKILL of one main process from outside; the engine starts it again. Then
the source's own record is compared with the database: nothing may be lost, nothing may
be there twice. Afterwards each Python service is told to end (SIGTERM) with nothing,
with some and with many events in the backlog, and its time is taken.

    python benchmarks/kills.py --kills 100 --rate 300 --seed 1
    python benchmarks/kills.py --kills 30 --rate 2000 --seed 2

Needs root, Docker and the images. Writes a folder: `report.json`, `report.txt`, and the
history of the run, which `stackproof judge` judges again. Ends with 0 when all
promises hold, with 1 when one is broken, with 3 when nothing could be proven.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import docker
import requests

from reference_stack import DATABASE, LONG_RUNNING, SERVICES, SourceKind
from reference_stack.acceptance import (
    CHECKS,
    Observation,
    Scenario,
    Subscription,
    World,
    acceptance_stack,
    judged,
    run_scenario,
)
from reference_stack.acceptance.faults.ends import (
    sigkill,
    start_together,
    stop_together,
)
from reference_stack.acceptance.owned import PURPOSE
from reference_stack.acceptance.scenario import Fault
from reference_stack.acceptance.vitals import Vitals
from reference_stack.acceptance.world import ADMIN, INGESTION, traffic_for
from stackproof import stops, wait_until
from stackproof.check import Verdict
from stackproof.drills.returning import now_ns
from stackproof.interrupt import interrupted_once
from stackproof.oracle import FaultProof
from stackproof.verify.abandoned import remove_abandoned

READY_SECONDS = 60.0
MEDIAN_LIMIT_SECONDS = 5.0
EXIT_LIMIT_SECONDS = 2.0
_ENGINE_SECONDS = 120
_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1}
_UNKNOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How long one service took to end after SIGTERM."""

    service: str
    pending: int
    seconds: float | None
    exit_code: int | None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the kills and write the report."""
    options = _options(argv)
    report = options.report or _default_folder(options)
    with (
        interrupted_once(),
        closing(docker.from_env(timeout=_ENGINE_SECONDS)) as engine,
    ):
        remove_abandoned(engine, purpose=PURPOSE)
        with acceptance_stack(
            engine, SourceKind.SIMULATOR, version=options.image_version
        ) as (stack, proof):
            chance = random.Random(options.seed)  # noqa: S311 - repeatable

            def world() -> World:
                return World(
                    stack=stack,
                    proof=proof,
                    traffic=traffic_for(stack),
                    rate=options.rate,
                    seed=options.seed,
                    chance=chance,
                )

            seen = run_scenario(world(), _scenario(options), CHECKS, report / "history")
            told(f"{len(seen.proofs)} kills, {len(seen.sent)} events")
            exits = list(_exits(world(), options.backlogs)) if options.backlogs else []
    document = _document(options, seen, exits)
    (report / "report.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    text = "\n".join(_lines(document))
    (report / "report.txt").write_text(text + "\n", "utf-8")
    print(text)
    return _CODES.get(Verdict(document["verdict"]), _UNKNOWN)


def told(text: str) -> None:
    """Say what happens, with the time."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def _scenario(options: argparse.Namespace) -> Scenario:
    return Scenario(
        name="kills",
        title=f"{options.kills} times SIGKILL of a service at a random moment",
        fault=_kills(options.kills, options.services, options.pause),
        disturbance="SIGKILL",
        hits=LONG_RUNNING,
        subscription=Subscription.MAY_BREAK,
        ready_seconds=READY_SECONDS,
        drain_seconds=300.0,
    )


def _kills(number: int, services: Sequence[str], pause: float) -> Fault:
    """Return a fault that kills so many times, each after a random pause."""

    @contextmanager
    def kill(world: World) -> Iterator[None]:
        for turn in range(number):
            service = world.chance.choice(services)
            world.await_emitted(world.chance.uniform(0.5, pause))
            with sigkill(service)(world):
                pass
            world.await_ready(timeout=READY_SECONDS)
            told(f"{turn + 1}/{number} {service}: {world.proofs[-1].observed}")
        yield

    return kill


def _exits(world: World, backlogs: Sequence[int]) -> Iterator[Exit]:
    """End each service with a backlog of at least so many events, smallest first."""
    with Vitals(
        dict.fromkeys(LONG_RUNNING, "/ready"),
        counting=INGESTION,
        telling=ADMIN,
        token=world.stack.project.secret("admin_token"),
        reach=world.base,
    ) as vitals:
        world.vitals = vitals
        world.await_ready(timeout=READY_SECONDS)
        world.traffic.begin(world.rate)
        stop_together(world, (DATABASE,))
        try:
            for backlog in sorted(backlogs):
                world.await_more(
                    lambda: world.count("pending"),
                    max(0, backlog - world.count("pending")),
                    timeout=backlog / world.rate * 3 + READY_SECONDS,
                )
                for service in SERVICES:
                    yield _exit(world, service)
        finally:
            world.traffic.end()
            start_together(world)


def _exit(world: World, service: str) -> Exit:
    pending = world.count("pending")
    since = now_ns(world.proof)
    stop_together(world, (service,))
    (end,) = stops(world.proof.events.events, after_ns=since)
    start_together(world, (service,))
    world.endpoint(service)
    world.await_more(world.traffic.emitted, world.rate)
    wait_until(lambda: _answers(world), bool, timeout=READY_SECONDS)
    told(f"{end}, {pending} events pending")
    return Exit(
        service=service, pending=pending, seconds=end.seconds, exit_code=end.exit_code
    )


def _answers(world: World) -> bool:
    """Tell whether ingestion answers; a start takes what the machine needs for it."""
    try:
        world.stats()
    except requests.RequestException:
        return False
    return True


def _document(
    options: argparse.Namespace, seen: Observation, exits: Sequence[Exit]
) -> dict[str, Any]:
    checks = {check.name: judged(check, seen) for check in CHECKS}
    recovery = {
        name: _spread(name, proofs) for name, proofs in _by_service(seen.proofs).items()
    }
    all_times = _spread("all", seen.proofs)
    slow = [
        end
        for end in exits
        if end.seconds is None or end.seconds > EXIT_LIMIT_SECONDS or end.exit_code != 0
    ]
    verdicts = [finding.verdict for finding in checks.values()]
    verdicts += [Verdict.FAIL] if slow else []
    medians = [row["median_seconds"] for row in recovery.values()]
    if any(value is None or value > MEDIAN_LIMIT_SECONDS for value in medians):
        verdicts.append(Verdict.FAIL)
    return {
        "verdict": _worst(verdicts),
        "command": " ".join(["python benchmarks/kills.py", *_given(options)]),
        "started": datetime.fromtimestamp(seen.started_us / 1e6, UTC).isoformat(),
        "seconds": round((seen.ended_us - seen.started_us) / 1e6, 1),
        "host": {
            "cpus": os.cpu_count(),
            "kernel": platform.release(),
            "python": platform.python_version(),
            "load": os.getloadavg(),
        },
        "kills": len(seen.proofs),
        "bitten": sum(proof.bitten for proof in seen.proofs),
        "rate": seen.rate,
        "seed": options.seed,
        "judgement": None if seen.judgement is None else seen.judgement.document(),
        "gaps": {
            "rows": len(seen.gaps),
            "expected": sum(gap.expected for gap in seen.gaps),
            "recovered": sum(gap.recovered for gap in seen.gaps),
            "unrecoverable": sum(gap.unrecoverable for gap in seen.gaps),
        },
        "checks": {
            name: {
                "verdict": str(finding.verdict),
                "observed": finding.observed,
                "message": finding.message,
            }
            for name, finding in checks.items()
        },
        "recovery": {**recovery, "all": all_times},
        "exits": [
            {
                "service": end.service,
                "pending_events": end.pending,
                "seconds": None if end.seconds is None else round(end.seconds, 3),
                "exit_code": end.exit_code,
            }
            for end in exits
        ],
    }


def _by_service(proofs: Sequence[FaultProof]) -> dict[str, list[FaultProof]]:
    found: dict[str, list[FaultProof]] = defaultdict(list)
    for proof in proofs:
        found[proof.target].append(proof)
    return dict(sorted(found.items()))


def _spread(name: str, proofs: Sequence[FaultProof]) -> dict[str, Any]:
    """Return how long the data path took to be ready again, in seconds (pure)."""
    times = sorted(
        proof.recovery_us / 1e6 for proof in proofs if proof.recovery_us is not None
    )
    return {
        "service": name,
        "kills": len(proofs),
        "recovered": len(times),
        "median_seconds": round(median(times), 3) if times else None,
        "p95_seconds": round(percentile(times, 0.95), 3) if times else None,
        "worst_seconds": round(times[-1], 3) if times else None,
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of ordered values (pure)."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _worst(verdicts: Sequence[Verdict]) -> str:
    for verdict in (Verdict.FAIL, Verdict.UNKNOWN):
        if verdict in verdicts:
            return str(verdict)
    return str(Verdict.PASS)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    judgement = document["judgement"] or {}
    tally = judgement.get("tally", {})
    yield f"{document['verdict']}: {document['command']}"
    yield (
        f"{document['bitten']} kills in {document['seconds']:.0f} s at "
        f"{document['rate']:g} events/s: {tally.get('acknowledged')} events had to be "
        f"stored, {tally.get('stored')} are"
    )
    for flaw in judgement.get("flaws", ()):
        yield f"  {flaw['flaw']}: {flaw['count']} ({flaw['verdict']})"
    for name, row in document["checks"].items():
        if row["verdict"] != Verdict.PASS:
            yield f"  {name}: {row['verdict']}: {row['observed']} {row['message']}"
    for row in document["recovery"].values():
        yield (
            f"ready again after SIGKILL of {row['service']}: median "
            f"{row['median_seconds']} s, p95 {row['p95_seconds']} s, worst "
            f"{row['worst_seconds']} s ({row['recovered']} of {row['kills']})"
        )
    for row in document["exits"]:
        yield (
            f"SIGTERM to exit of {row['service']} with {row['pending_events']} events "
            f"pending: {row['seconds']} s, exit code {row['exit_code']}"
        )


def _given(options: argparse.Namespace) -> list[str]:
    return [
        f"--kills {options.kills}",
        f"--rate {options.rate:g}",
        f"--seed {options.seed}",
    ]


def _default_folder(options: argparse.Namespace) -> Path:
    name = f"{datetime.now(UTC):%Y-%m-%d}-kills-{options.kills}-at-{options.rate:g}"
    return Path(__file__).resolve().parents[1] / "reports" / name


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    summary, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    number: Callable[[str], int] = int
    parser.add_argument("--kills", type=number, default=100, metavar="N")
    parser.add_argument("--rate", type=float, default=300.0, metavar="EVENTS/S")
    parser.add_argument("--seed", type=number, default=0, metavar="N")
    parser.add_argument(
        "--pause",
        type=float,
        default=3.0,
        metavar="SECONDS",
        help="longest time between ready and the next kill (default: %(default)s)",
    )
    parser.add_argument(
        "--services",
        nargs="+",
        choices=LONG_RUNNING,
        default=LONG_RUNNING,
        metavar="NAME",
        help=f"of these (default: {' '.join(LONG_RUNNING)})",
    )
    parser.add_argument(
        "--backlogs",
        type=number,
        nargs="*",
        default=[0, 10_000],
        metavar="N",
        help="pending events at which SIGTERM is timed; none leaves it out "
        "(default: 0 10000)",
    )
    parser.add_argument("--image-version", metavar="TAG", help="of our images")
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="a new folder (default: in reports/)"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

"""Run the fuzz tests of the services for minutes of CPU time instead of a moment.

Usage: python benchmarks/fuzz.py [--minutes N] [--seed N] [--keep FOLDER] [TARGET ...]

Each round of a target runs its tests with new examples, by a seed that is printed, in
a process of its own. A failed round is a crash: its output, with the smallest example,
is kept. Ends with 1 if there was one. The last line of a target gives the share of
branches that one round with coverage reaches in the modules under test.

Needs what `tox run -e unit` installs: `tox exec -e unit -- python benchmarks/fuzz.py`,
or `tox run -e fuzz`.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
_PASSING: Final = re.compile(r"(\d+) passing")
# Of what pytest ends with, these say that the tests ran.
_RAN: Final = frozenset({0, 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is fuzzed: test modules, and the modules whose branches are counted."""

    tests: tuple[str, ...]
    modules: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What the rounds of a target have shown so far; CPU time in seconds."""

    rounds: int = 0
    examples: int = 0
    crashes: int = 0
    cpu: float = 0.0


_INGESTION: Final = "services/websocket-ingestion"
_ENRICHMENT: Final = "services/enrichment-pipeline"
TARGETS: Final = {
    "frames": Target(
        tests=(f"{_INGESTION}/tests/test_fuzz_frames.py",),
        modules=(
            "websocket_ingestion/answers.py",
            "websocket_ingestion/frames.py",
            "websocket_ingestion/session.py",
        ),
    ),
    "lines": Target(
        tests=(f"{_ENRICHMENT}/tests/test_fuzz_lines.py",),
        modules=(
            "enrichment_pipeline/attributes.py",
            "enrichment_pipeline/lineprotocol.py",
            "enrichment_pipeline/normalize.py",
            "enrichment_pipeline/points.py",
            "enrichment_pipeline/weather.py",
        ),
    ),
    "intake": Target(
        tests=(f"{_ENRICHMENT}/tests/test_fuzz_intake.py",),
        modules=(
            "enrichment_pipeline/batch.py",
            "enrichment_pipeline/deadletter_retry.py",
            "enrichment_pipeline/deadletters.py",
            "enrichment_pipeline/events.py",
            "enrichment_pipeline/intake.py",
            "enrichment_pipeline/revive.py",
            "enrichment_pipeline/salvage.py",
            "enrichment_pipeline/writer.py",
            "servicekit/wire.py",
        ),
    ),
    "settings": Target(
        tests=("services/tests/test_fuzz_settings.py",),
        modules=(
            "admin_api/settings.py",
            "enrichment_pipeline/settings.py",
            "servicekit/settings.py",
            "websocket_ingestion/settings.py",
        ),
    ),
}


def main() -> int:
    """Fuzz the targets one after another; return the exit code."""
    wishes = _parser().parse_args()
    crashes = 0
    for name in wishes.targets or TARGETS:
        tally = _fuzz(name, wishes.minutes * 60, wishes.seed, wishes.keep)
        crashes += tally.crashes
        covered = _branches(TARGETS[name], wishes.seed)
        print(
            f"{name}: {tally.examples} examples in {tally.rounds} rounds and "
            f"{tally.cpu / 60:.1f} CPU minutes, {tally.crashes} crashes, {covered}",
            flush=True,
        )
    return 1 if crashes else 0


def _parser() -> argparse.ArgumentParser:
    summary, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary,
        epilog=details.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--minutes", type=float, default=1.0, help="CPU minutes for each target"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first round; the next adds one"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        default=ROOT / "reports" / "failures",
        help="where the output of a crash goes",
    )
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        choices=[*TARGETS, []],
        help=f"any of {', '.join(TARGETS)}; all without one",
    )
    return parser


def _fuzz(name: str, seconds: float, seed: int, keep: Path) -> Tally:
    """Run rounds until they have used the CPU time; at least one."""
    tally = Tally()
    while not tally.rounds or tally.cpu < seconds:
        round_seed = seed + tally.rounds
        before = _cpu_of_children()
        code, output = _run(_pytest(TARGETS[name], round_seed))
        tally.cpu += _cpu_of_children() - before
        tally.rounds += 1
        tally.examples += sum(int(count) for count in _PASSING.findall(output))
        if code:
            tally.crashes += 1
            keep.mkdir(parents=True, exist_ok=True)
            file = keep / f"fuzz-{name}-{round_seed}.txt"
            file.write_text(output, encoding="utf-8", errors="replace")
            print(f"{name}: seed {round_seed} CRASHED, see {file}", flush=True)
        if code not in _RAN:
            sys.exit(f"{name}: pytest ended with {code}\n{output[-2000:]}")
        print(
            f"{name}: seed {round_seed}, {tally.examples} examples, "
            f"{tally.cpu / 60:.1f} CPU minutes",
            flush=True,
        )
    return tally


def _pytest(target: Target, seed: int) -> list[str]:
    return [
        *("-m", "pytest", "--quiet", "--no-header", "-p", "no:cacheprovider"),
        *("--timeout", "0", "--show-capture", "no"),
        *("--hypothesis-profile", "fuzz", "--hypothesis-show-statistics"),
        *("--hypothesis-seed", str(seed)),
        *target.tests,
    ]


def _run(arguments: list[str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout


def _branches(target: Target, seed: int) -> str:
    """Say how many branches of the modules one round reaches."""
    with tempfile.TemporaryDirectory() as folder:
        data, report = Path(folder, "data"), Path(folder, "report.json")
        own = f"--data-file={data}"
        _run(["-m", "coverage", "run", own, *_pytest(target, seed)])
        _run(["-m", "coverage", "combine", own, folder])
        only = ",".join(f"*/{module}" for module in target.modules)
        made, output = _run(
            ["-m", "coverage", "json", own, f"--include={only}", "-o", str(report)]
        )
        if made:
            return f"branches not known ({output.strip()[-80:]})"
        totals = json.loads(report.read_text(encoding="utf-8"))["totals"]
    return f"{totals['covered_branches']} of {totals['num_branches']} branches"


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())

"""Understand a command line, run it, and turn what goes wrong into one message."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import CapacityError
from .options import ERROR, INTERRUPTED, CommandParser

__all__ = ["main", "parser"]

REPORTS = Path("reports")
SKIPPABLE = ("outage", "emit", "idle", "low", "direct", "cold", "cardinality", "age")
EXIT_CODES = """\
exit codes:
  0  done; compare, gate: the same or better; index --check: the index is true
  1  compare, gate: the new one is worse; index --check: the index is not true
  2  the command line, a file or the environment cannot be used, or the measurements
     do not allow to say what is asked
  3  compare, gate: the two cannot be compared, or the difference is not decided
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        args = parser().parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
    except CapacityError as err:
        sys.stderr.write(f"capacity: {err}\n")
        return ERROR
    except KeyboardInterrupt:
        sys.stderr.write("capacity: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; nothing may be written at the exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except OSError as err:
        sys.stderr.write(f"capacity: {err}\n")
        return ERROR
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    top = CommandParser(
        prog="capacity",
        description="Finds how many events a machine carries, and says what to buy.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _add_run(commands.add_parser("run", help="search the capacity of this machine"))
    _add_advise(commands.add_parser("advise", help="what a wanted load needs"))
    _add_compare(commands.add_parser("compare", help="what changed between two runs"))
    _add_gate(commands.add_parser("gate", help="did a change make it worse"))
    _add_report(commands.add_parser("report", help="render a report again"))
    _add_index(commands.add_parser("index", help="renew the list of all runs"))
    _add_schema(commands.add_parser("schema", help="print the schema of report.json"))
    return top


def _add_run(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Searches the rate that this machine sustains, and writes a report."
    )
    command.add_argument(
        "--profile",
        choices=("quick", "standard", "full"),
        default="standard",
        help="quick: at most 8 min, screens; standard: at most 45 min; full: hours",
    )
    command.add_argument(
        "--slo-p99",
        metavar="MS",
        type=float,
        default=1000.0,
        help="milliseconds within which 99 %% of events are to be stored (1000)",
    )
    command.add_argument(
        "--skip",
        metavar="PHASE",
        action="append",
        default=[],
        choices=SKIPPABLE,
        help=f"leave out what comes after the search: {', '.join(SKIPPABLE)}; "
        "repeatable",
    )
    command.add_argument(
        "--attach",
        metavar="PROJECT",
        help="measure this running project instead of a copy of its own",
    )
    command.add_argument(
        "--reports",
        metavar="DIR",
        type=Path,
        default=REPORTS,
        help="where the folder of the run is made (reports)",
    )
    command.add_argument(
        "--resume",
        metavar="DIR",
        type=Path,
        help="go on with the trials of this folder of a run that was interrupted",
    )
    _add_load(command.add_argument_group("the load"))
    stack = command.add_argument_group("the stack")
    stack.add_argument(
        "--limit",
        metavar="VARIABLE=VALUE",
        action="append",
        default=[],
        type=_pair,
        help="another limit than production's, as in stack/.env; repeatable",
    )
    stack.add_argument("--image-version", metavar="TAG", help="of our images")
    stack.add_argument(
        "--source-cpus",
        metavar="N",
        type=float,
        help="cores for the simulator (1): more, where the generator is the limit",
    )
    command.set_defaults(run=_run)


def _add_load(load: argparse._ArgumentGroup) -> None:
    load.add_argument(
        "--entry",
        choices=("fake_ha", "real_ha"),
        default="fake_ha",
        help="who emits the events: the simulator, or a real Home Assistant",
    )
    load.add_argument(
        "--arrival",
        choices=("constant", "poisson", "burst", "diurnal", "trace"),
        default="constant",
        help="how events are spread over time, at the same mean rate",
    )
    load.add_argument(
        "--period",
        metavar="S",
        type=float,
        default=60.0,
        help="seconds of one round of a burst, or of a diurnal load's day (60)",
    )
    load.add_argument(
        "--trace",
        metavar="FILE",
        type=Path,
        help="the recording of --arrival trace: one JSON number of seconds a line",
    )
    load.add_argument(
        "--entities", metavar="N", type=int, default=1_000, help="at a time (1000)"
    )
    load.add_argument(
        "--entity-growth",
        metavar="N",
        type=float,
        default=0.0,
        help="new entities a minute, in the places of the oldest ones (0)",
    )
    load.add_argument(
        "--payload-bytes",
        metavar="N",
        type=int,
        default=0,
        help="of padding in the attributes of each event (0)",
    )
    load.add_argument("--seed", metavar="N", type=int, default=1)
    load.add_argument(
        "--processes",
        metavar="N",
        type=int,
        default=1,
        help="of Locust on this host (1)",
    )
    load.add_argument(
        "--workers",
        metavar="N",
        type=int,
        default=0,
        help="of Locust on other hosts, which are awaited",
    )
    load.add_argument(
        "--web", metavar="PORT", type=int, help="show Locust's page on 127.0.0.1"
    )


def _pair(text: str) -> str:
    name, equals, _ = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not VARIABLE=VALUE")
    return text


def _add_advise(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Answers from measured reports which hardware and which limits a load needs. "
        "What lies too far beyond the measurements is refused."
    )
    command.epilog = (
        "example: capacity advise --rate 300 --entities 1000 --retention 1y "
        "--apply stack/.env --dry-run"
    )
    asked = command.add_argument_group("the load")
    asked.add_argument("--rate", metavar="N", required=True, help="events a second")
    asked.add_argument("--entities", metavar="N", required=True, help="entities")
    asked.add_argument(
        "--retention",
        metavar="D",
        required=True,
        help="how long data are kept: 30d, 8w, 6m, 1y, or forever",
    )
    asked.add_argument(
        "--survive",
        metavar="D",
        help="outage of InfluxDB that may lose nothing: 30min, 4h, 2d",
    )
    command.add_argument(
        "--report",
        dest="folders",
        metavar="DIR",
        type=Path,
        action="append",
        help="folder of a run; repeatable; without it the fitting one of reports/",
    )
    group = command.add_argument_group("the limits")
    group.add_argument(
        "--apply",
        metavar="ENVFILE",
        type=Path,
        help="write the limits into this file; comments and other lines stay",
    )
    group.add_argument(
        "--dry-run", action="store_true", help="with --apply: only show the change"
    )
    group.add_argument(
        "--shrink",
        action="store_true",
        help="with --apply: also lower limits that are larger than needed",
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_advise)


def _add_compare(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Compares two runs of the same host and load as ratios with intervals. "
        "Ends with 1 when the new one is worse, with 3 when nothing can be said."
    )
    command.epilog = EXIT_CODES
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("base", metavar="BASE", type=Path, help="folder of a run")
    command.add_argument("new", metavar="NEW", type=Path, help="folder of a later run")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_compare)


def _add_gate(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Measures two versions in turns on this host and compares them as ratios: the "
        "CPU time of an event, the p99, and whether the load is carried at all. "
        "What looks worse is measured once more before it is said."
    )
    command.epilog = f"{EXIT_CODES}\nexample: capacity gate --base main --rate 300\n"
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    version = command.add_argument_group("the versions: a tag of the images, a commit")
    version.add_argument("--base", metavar="VERSION", help="what is compared with")
    version.add_argument(
        "--candidate",
        metavar="VERSION",
        help="what is judged; the working tree unless given",
    )
    version.add_argument(
        "--aa",
        action="store_true",
        help="--base with itself: how often is this host's gate red for nothing?",
    )
    _add_trials(command.add_argument_group("the trials"))
    command.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=REPORTS / "gate",
        help="where all trials of all runs are kept (reports/gate)",
    )
    command.set_defaults(run=_gate)


def _add_trials(trials: argparse._ArgumentGroup) -> None:
    trials.add_argument(
        "--pairs",
        metavar="N",
        type=int,
        default=5,
        help="fewer than five decide nothing (5)",
    )
    trials.add_argument(
        "--seconds",
        metavar="N",
        type=float,
        default=60.0,
        help="window of a trial (60)",
    )
    trials.add_argument(
        "--rate",
        metavar="N",
        type=float,
        help="events a second; 0.7 of a measured edge unless given",
    )
    trials.add_argument(
        "--report",
        metavar="DIR",
        type=Path,
        help="the run whose edge that is; the newest one of --reports unless given",
    )
    trials.add_argument("--reports", metavar="DIR", type=Path, default=REPORTS)
    trials.add_argument("--entities", metavar="N", type=int, default=1_000)
    trials.add_argument(
        "--slo-p99",
        metavar="MS",
        type=float,
        default=1000.0,
        help="milliseconds within which 99 %% of events are to be stored (1000)",
    )
    trials.add_argument(
        "--limit",
        metavar="VARIABLE=VALUE",
        action="append",
        default=[],
        type=_pair,
        help="another limit than production's, for both; repeatable",
    )
    trials.add_argument("--seed", metavar="N", type=int, help="of which side begins")


def _add_report(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Renders report.html, junit.xml and capacity.png again from report.json."
    )
    command.add_argument("folder", metavar="DIR", type=Path, help="folder of a run")
    command.set_defaults(run=_report)


def _add_index(command: argparse.ArgumentParser) -> None:
    command.description = "Writes README.md of a folder of runs, the newest first."
    command.add_argument(
        "reports",
        metavar="DIR",
        type=Path,
        nargs="?",
        default=REPORTS,
        help="folder of all runs (reports)",
    )
    command.add_argument(
        "--check", action="store_true", help="write nothing; end with 1 if it differs"
    )
    command.set_defaults(run=_index)


def _add_schema(command: argparse.ArgumentParser) -> None:
    command.description = "Prints the JSON schema of report.json."
    command.set_defaults(run=_schema)


# Each command loads what it needs when it runs: matplotlib and scipy are slow to load.


def _run(args: argparse.Namespace) -> int:
    from .search import search  # noqa: PLC0415 - see above

    return search(args)


def _advise(args: argparse.Namespace) -> int:
    from .advice import advise  # noqa: PLC0415 - see above

    return advise(args)


def _compare(args: argparse.Namespace) -> int:
    from .runs import show_comparison  # noqa: PLC0415 - see above

    return show_comparison(args.base, args.new, as_json=args.json)


def _gate(args: argparse.Namespace) -> int:
    from .gate import gate  # noqa: PLC0415 - see above

    return gate(args)


def _report(args: argparse.Namespace) -> int:
    from .runs import render_again  # noqa: PLC0415 - see above

    return render_again(args.folder)


def _index(args: argparse.Namespace) -> int:
    from .runs import renew_index  # noqa: PLC0415 - see above

    return renew_index(args.reports, check=args.check)


def _schema(_args: argparse.Namespace) -> int:
    from ..document.schema import schema_text  # noqa: PLC0415 - see above

    sys.stdout.write(schema_text())
    return 0

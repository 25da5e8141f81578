"""Understand a command line, run it, and turn what goes wrong into one message."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import StackproofError
from .options import (
    ERROR,
    INTERRUPTED,
    CommandParser,
    add_files,
    add_selection,
    add_terms,
)

EXIT_CODES = """\
exit codes:
  0  all checks pass
  1  a promise is broken (with --strict: or a policy); diff: the second run is worse;
     judge: an event is lost, or not as it was
  2  the command line, a file or the environment cannot be used
  3  something could not be decided, and nothing failed
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        args = parser().parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
    except StackproofError as err:
        sys.stderr.write(f"stackproof: {err}\n")
        return ERROR
    except KeyboardInterrupt:
        sys.stderr.write("stackproof: interrupted; what this run started is removed\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; nothing may be written at the exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ERROR
    except OSError as err:
        sys.stderr.write(f"stackproof: {err}\n")
        return ERROR
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    top = CommandParser(
        prog="stackproof",
        description="Turns every promise in a Compose file into a test.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _add_plan(commands.add_parser("plan", help="show what would be checked"))
    _add_verify(commands.add_parser("verify", help="start a copy and judge it"))
    _add_explain(commands.add_parser("explain", help="what a check proves, and how"))
    _add_list(commands.add_parser("list", help="all checks, one a line"))
    _add_report(commands.add_parser("report", help="render a report again"))
    _add_diff(commands.add_parser("diff", help="what changed between two runs"))
    _add_judge(commands.add_parser("judge", help="judge the history of a run again"))
    return top


def _add_plan(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Reads the files, starts nothing, and lists what would be checked, what no "
        "check can prove and why, and the coverage in per cent."
    )
    add_files(command)
    add_selection(command)
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_plan)


def _add_verify(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Starts a copy of the stack under a random name with ports and paths of its "
        "own, judges every promise, and removes the copy. With --live it only looks at "
        "a project that runs."
    )
    command.epilog = EXIT_CODES
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    add_files(command)
    add_selection(command)
    add_terms(command)
    command.set_defaults(run=_verify)


def _add_explain(command: argparse.ArgumentParser) -> None:
    command.description = "Prints what a check proves, how, why, and how to fix it."
    command.add_argument(
        "id", metavar="ID", help="ORDER-01, a whole family (ORDER) or a pattern (*-01)"
    )
    command.set_defaults(run=_explain)


def _add_list(command: argparse.ArgumentParser) -> None:
    command.description = "Lists all checks: id, kind, phase and title."
    command.set_defaults(run=_list)


def _add_report(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Renders report.html and junit.xml again from report.json, or from matrix.json."
    )
    command.add_argument("folder", metavar="DIR", type=Path, help="folder of a run")
    command.set_defaults(run=_report)


def _add_diff(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Compares two runs: cases that came, went or changed, and figures that moved "
        "by more than a fifth. Ends with 1 when the second run is worse."
    )
    command.add_argument("before", metavar="A", type=Path, help="folder of a run")
    command.add_argument("after", metavar="B", type=Path, help="folder of a later run")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_diff)


def _add_judge(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Compares what the source of a saved run made with what the database held: "
        "lost, duplicated, corrupted, reordered, unexpected and late events, and what "
        "the record cannot tell, which is unknown. Needs no stack."
    )
    command.epilog = EXIT_CODES
    command.formatter_class = argparse.RawDescriptionHelpFormatter
    command.add_argument("folder", metavar="DIR", type=Path, help="history of a run")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_judge)


# Each command loads what it needs when it runs: `plan` asks no engine.


def _plan(args: argparse.Namespace) -> int:
    from .plan import show_plan  # noqa: PLC0415 - see above

    return show_plan(args)


def _verify(args: argparse.Namespace) -> int:
    from .verify import verify  # noqa: PLC0415 - see above

    return verify(args)


def _explain(args: argparse.Namespace) -> int:
    from .catalogue import explain  # noqa: PLC0415 - see above

    return explain(args.id)


def _list(_args: argparse.Namespace) -> int:
    from .catalogue import list_checks  # noqa: PLC0415 - see above

    return list_checks()


def _report(args: argparse.Namespace) -> int:
    from .runs import render  # noqa: PLC0415 - see above

    return render(args.folder)


def _diff(args: argparse.Namespace) -> int:
    from .runs import diff  # noqa: PLC0415 - see above

    return diff(args.before, args.after, as_json=args.json)


def _judge(args: argparse.Namespace) -> int:
    from .judge import judge_again  # noqa: PLC0415 - see above

    return judge_again(args.folder, as_json=args.json)

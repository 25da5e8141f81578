"""Options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from ..check import ENGINE_RESTART, Check
from ..contract.ignores import Ignore, matches
from ..contract.plan import Selection
from ..errors import UsageError

PASS = 0
FAIL = 1
ERROR = 2
UNKNOWN = 3
INTERRUPTED = 130


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong in one line and where the help is; ends with 2."""

    def error(self, message: str) -> NoReturn:
        """End the process."""
        sys.stderr.write(f"stackproof: {message}\nsee `{self.prog} --help`\n")
        raise SystemExit(ERROR)


def add_files(command: argparse.ArgumentParser) -> None:
    """Add what chooses the stack."""
    group = command.add_argument_group("the stack")
    group.add_argument(
        "-f",
        "--file",
        dest="files",
        metavar="FILE",
        type=Path,
        action="extend",
        nargs="+",
        default=[],
        help="compose file and its overlays, in order; without it compose.yaml, "
        "compose.yml, docker-compose.yml or .yaml of this folder and its override",
    )
    group.add_argument(
        "--env-file",
        dest="env_files",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="variables for the files, instead of .env; repeatable",
    )
    group.add_argument(
        "--profile",
        dest="profiles",
        metavar="NAME",
        action="append",
        default=[],
        help="switch a profile on; repeatable",
    )


def add_selection(command: argparse.ArgumentParser) -> None:
    """Add what chooses the cases."""
    group = command.add_argument_group("the cases")
    group.add_argument(
        "--select",
        metavar="ID",
        action="extend",
        nargs="+",
        default=[],
        help="only these checks: ORDER-01, a family (ORDER) or a pattern (*-01)",
    )
    group.add_argument(
        "--ignore",
        dest="ignored",
        metavar="ID[:SUBJECT]",
        action="append",
        default=[],
        help="accept what a check says, of all or of one service; "
        "each needs a --reason",
    )
    group.add_argument(
        "--reason",
        dest="reasons",
        metavar="TEXT",
        action="append",
        default=[],
        help="why it is accepted; the first one belongs to the first --ignore",
    )
    group.add_argument(
        "--non-destructive",
        action="store_true",
        help="only checks that no service notices",
    )


def add_terms(command: argparse.ArgumentParser) -> None:
    """Add what says how a stack is verified."""
    group = command.add_argument_group("the run")
    group.add_argument(
        "--strict",
        action="store_true",
        help="good practice the file is silent about fails as well",
    )
    group.add_argument(
        "--report", metavar="DIR", type=Path, help="write the report of the run there"
    )
    group.add_argument(
        "--live",
        metavar="PROJECT",
        help="look at this running project; changes nothing",
    )
    group.add_argument(
        "--keep", action="store_true", help="leave the copy running at the end"
    )
    group.add_argument("--build", action="store_true", help="build the images first")
    group.add_argument(
        "--helper-image",
        metavar="IMAGE",
        help="local image with python3 to look from, for who is not root; it sees "
        "the host's processes and may enter their namespaces",
    )
    group.add_argument(
        "--allow-engine-restart",
        action="store_true",
        help="checks may restart the engine itself, with all that runs on it",
    )


def selection_of(args: argparse.Namespace, checks: Iterable[Check]) -> Selection:
    """Return which cases a command line asks for.

    Raises:
        UsageError: an exception names no check, or has no reason.
    """
    return Selection(
        select=tuple(args.select),
        destructive=not args.non_destructive,
        live=getattr(args, "live", None) is not None,
        allows=frozenset(
            {ENGINE_RESTART} if getattr(args, "allow_engine_restart", False) else ()
        ),
        ignores=ignores_of(args.ignored, args.reasons, checks),
    )


def ignores_of(
    ignored: list[str], reasons: list[str], checks: Iterable[Check]
) -> tuple[Ignore, ...]:
    """Pair exceptions with their reasons.

    Raises:
        UsageError: one names no check, or has no reason.
    """
    if len(ignored) != len(reasons):
        raise UsageError(
            f"{len(ignored)} --ignore and {len(reasons)} --reason: each exception "
            "needs one reason, in the same order"
        )
    known = [check.id for check in checks]
    found = []
    for entry, reason in zip(ignored, reasons, strict=True):
        selector, _, subject = entry.partition(":")
        if not any(matches(selector, check_id) for check_id in known):
            raise UsageError(
                f"--ignore {entry}: no check has the id {selector!r}; see "
                "`stackproof list`"
            )
        if not reason.strip():
            raise UsageError(f"--ignore {entry}: the reason is empty")
        found.append(
            Ignore(
                id=selector,
                subject=subject or "*",
                reason=reason.strip(),
                origin=f"--ignore {entry}",
            )
        )
    return tuple(found)

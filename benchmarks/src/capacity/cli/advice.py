"""`capacity advise`: print what a load needs, and write the limits on request."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..advise import Answer, Need, Question, answer, choose
from ..advise.envfile import (
    Change,
    changed_text,
    changes_for,
    diff,
    read_env,
    replace_file,
)
from ..advise.question import parse_count, parse_days, parse_rate, parse_seconds
from ..document import Report, read
from ..errors import AdviceRefused, UsageError
from ..report.index import runs_in
from .main import REPORTS
from .options import PASS

__all__ = ["advise"]


def advise(args: argparse.Namespace) -> int:
    """Answer, and change the environment file if that is asked and possible.

    Raises:
        UsageError: the question makes no sense, or there is no report.
        DocumentUnusable: a report cannot be read.
        EnvFileUnusable: the file cannot take the limits; it is as it was.
        AdviceRefused: the measurements do not allow an answer; no file is touched.
    """
    question = Question(
        rate=parse_rate(args.rate),
        entities=parse_count(args.entities),
        retention_days=parse_days(args.retention),
        outage_s=None if args.survive is None else parse_seconds(args.survive),
    )
    if args.apply is None and (args.dry_run or args.shrink):
        raise UsageError("--dry-run and --shrink say how to --apply: name the file")
    reports = _reports(args.folders)
    found = answer(question, reports[choose(question, reports)])
    before, changes = _changes(found, args)
    if args.json:
        sys.stdout.write(f"{json.dumps(_document(found, changes), indent=2)}\n")
    else:
        sys.stdout.write(_text(found))
    if found.refusals:
        raise AdviceRefused(found.refusals)
    if args.apply is not None:
        _apply(args.apply, before, changes, args)
    return PASS


def _reports(folders: list[Path] | None) -> dict[str, Report]:
    if folders:
        return {str(folder): read(folder) for folder in folders}
    if not REPORTS.is_dir():
        raise UsageError(
            "there is no folder reports/ here: name a run with --report DIR"
        )
    return runs_in(REPORTS)


def _changes(found: Answer, args: argparse.Namespace) -> tuple[str, tuple[Change, ...]]:
    """Return the file's text and what would change in it, before anything is done."""
    if args.apply is None or found.refusals:
        return "", ()
    before = read_env(args.apply)
    return before, changes_for(
        before, found.limits, shrink=args.shrink, file=str(args.apply)
    )


def _apply(
    path: Path, before: str, changes: tuple[Change, ...], args: argparse.Namespace
) -> None:
    after = changed_text(before, changes)
    # With --json standard output is one document; the diff is for people.
    out = sys.stderr if args.json else sys.stdout
    if not changes:
        out.write(f"{path}: nothing to change\n")
        return
    out.write(f"\n{diff(before, after, file=str(path))}")
    if args.dry_run:
        out.write(f"{path} is as it was (--dry-run)\n")
        return
    replace_file(path, after)
    out.write(f"{path} is changed; it holds from the next `docker compose up`\n")


def _text(found: Answer) -> str:
    report = found.report
    lines = [
        found.headline,
        _origin(report),
    ]
    for title, needs in (("hardware", found.hardware), ("limits", found.limits)):
        if needs:
            lines += ["", title, *_rows(needs)]
    if found.notes:
        lines += ["", *found.notes]
    return "\n".join(lines) + "\n"


def _origin(report: Report) -> str:
    cpu = report.environment.cpu
    return f"from run {report.run.id} on {cpu.model}, {cpu.cores} cores"


def _rows(needs: tuple[Need, ...]) -> list[str]:
    what = max(len(need.what) for need in needs)
    text = max(len(need.text) for need in needs)
    now = max(len(need.now_text) for need in needs)
    lines = []
    for need in needs:
        sign = "enough" if need.enough else "MORE"
        kind = str(need.kind).replace("_", " ")
        lines.append(
            f"  {need.what:<{what}}  {need.text:>{text}}  "
            f"(now {need.now_text:>{now}}: {sign})  {kind}"
        )
        lines.append(f"    {'; '.join(need.evidence)}")
    return lines


def _document(found: Answer, changes: tuple[Change, ...]) -> dict[str, Any]:
    return {
        "headline": found.headline,
        "run": found.report.run.id,
        "limits": [_need(need) for need in found.limits],
        "hardware": [_need(need) for need in found.hardware],
        "notes": list(found.notes),
        "refusals": list(found.refusals),
        "changes": [
            {"variable": change.variable, "old": change.old, "new": change.new}
            for change in changes
        ],
    }


def _need(need: Need) -> dict[str, Any]:
    return {
        "what": need.what,
        "variable": need.variable or None,
        "needed": need.value,
        "now": need.now,
        "enough": need.enough,
        "kind": str(need.kind),
        "evidence": list(need.evidence),
    }

"""`stackproof plan`: what would be checked; asks no engine and starts nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from ..check import Case
from ..contract.plan import Plan, compile_plan
from ..registry import all_checks
from ..report.document import plan_document
from ..report.sentence import plural
from .files import contract_of
from .options import PASS, selection_of


def show_plan(args: argparse.Namespace) -> int:
    """Print a plan.

    Raises:
        SourceError: a file is not valid.
        UsageError: there is no file, or the selection matches no check.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        # Compose reads in a process of its own, for as long as the checks need to load.
        reading = beside.submit(contract_of, args)
        checks = all_checks()
    plan = compile_plan(reading.result(), checks, selection_of(args, checks))
    if args.json:
        # Laid out only where somebody reads it: it takes ten times as long.
        indent = 2 if sys.stdout.isatty() else None
        text = json.dumps(plan_document(plan), indent=indent, ensure_ascii=False)
    else:
        text = "\n".join(plan_lines(plan))
    sys.stdout.write(f"{text}\n")
    return PASS


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield a plan as text (pure)."""
    yield f"{plan.contract.model.project}: {plural(len(plan.cases), 'case')}"
    by_service: dict[str | None, list[Case]] = {
        name: [] for name in plan.contract.model.services
    }
    for case in plan.cases:
        by_service.setdefault(case.claim.subject.service, []).append(case)
    for service, cases in by_service.items():
        yield ""
        yield f"{service or 'the file'}: {plural(len(cases), 'case')}"
        for case in sorted(cases, key=lambda one: (one.check.id, one.claim.label)):
            how = "" if case.ignored is None else f"  (ignored: {case.ignored})"
            policy = f"  ({case.check.kind})" * (case.check.kind == "policy")
            yield f"  {case}{policy}{how}"
            yield f"      {case.claim.promised}"
    if plan.not_covered:
        yield ""
        yield "declared, and proven by no check:"
        for item in plan.not_covered:
            yield f"  {item.service or 'the file'}: {item.key}: {item.reason}"
    for ignore in plan.unused_ignores:
        yield f"unused: {ignore}: {ignore.reason}"
    for warning in plan.contract.warnings:
        yield f"Compose warns: {warning}"
    yield ""
    proven = sum(bool(checks) for _, checks in plan.accounted)
    yield (
        f"coverage: {plan.coverage:.1f} % "
        f"({proven} of {plural(len(plan.accounted), 'declared key')})"
    )

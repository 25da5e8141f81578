"""`stackproof verify`: judge a stack and report what came out."""

from __future__ import annotations

import argparse
import sys

from ..check import Case, Verdict
from ..contract.plan import Plan, Selection, compile_plan
from ..errors import ComposeError, SourceError
from ..registry import all_checks
from ..report.document import Conduct, Document, report_document
from ..report.folder import check_target, write_report
from ..report.record import Record
from ..report.scrub import scrubber_of
from ..verify.connect import connect
from ..verify.session import Session, Terms
from ..verify.stack import Options
from .files import contract_of
from .options import FAIL, PASS, UNKNOWN, selection_of
from .progress import watching
from .summary import summary_lines

_CODES = {Verdict.PASS: PASS, Verdict.FAIL: FAIL, Verdict.UNKNOWN: UNKNOWN}


def verify(args: argparse.Namespace) -> int:
    """Verify a stack; return 0, 1 or 3.

    Raises:
        SourceError: a file is not valid.
        UsageError: options contradict each other, or the engine does not answer.
        ComposeError: an image cannot be had.
    """
    terms = Terms(
        strict=args.strict,
        live=args.live,
        keep=args.keep,
        build=args.build,
        engine_restart=args.allow_engine_restart,
        options=Options(helper_image=args.helper_image),
    )
    terms.check()
    if args.report is not None:
        check_target(args.report)
    checks = all_checks()
    selection = selection_of(args, checks)
    contract = contract_of(args, project=args.live or "")
    plan = compile_plan(contract, checks, selection)
    document, record = _run(plan, terms, selection)
    if args.report is not None:
        scrub = scrubber_of(contract.document)
        effective = scrub.evidence(contract.document)
        write_report(args.report, document, record, effective=effective)
    for line in summary_lines(document, report=args.report):
        sys.stdout.write(f"{line}\n")
    return _CODES[Verdict(document["verdict"])]


def _run(plan: Plan, terms: Terms, selection: Selection) -> tuple[Document, Record]:
    scrub = scrubber_of(plan.contract.document)
    with watching(plan.cases) as progress:
        session = Session(plan, terms, engine=connect(), say=progress.say)
        expected: tuple[Case, ...] = ()
        try:
            for case in plan.cases:
                progress.begin(case)
                progress.end(session.judge(case))
        except (ComposeError, SourceError):
            # A promise of the files that was found broken before may well be why.
            if not any(r.verdict is Verdict.FAIL for r in session.results):
                raise
            expected = plan.cases
        finally:
            record = session.close(expected)
    conduct = Conduct(
        started=session.started,
        seconds=session.seconds,
        strict=terms.strict,
        live=terms.live is not None,
        select=selection.select,
        destructive=selection.destructive,
    )
    return report_document(plan, session.results, record, conduct, scrub), record

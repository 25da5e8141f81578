"""`stackproof verify`: judge a stack and report what came out."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from ..check import Case, Verdict
from ..contract.plan import Plan, Selection, compile_plan
from ..errors import ComposeError, FileRefused, SourceError
from ..registry import all_checks
from ..report.document import Conduct, Document, report_document
from ..report.folder import check_target, write_report
from ..report.record import Record
from ..report.scrub import Scrubber, scrubber_of
from ..verify.connect import connect
from ..verify.refused import refused_plan, refused_results
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
        SourceError: a file is missing or not valid; the report, if one is wanted, says
            which promise it breaks.
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
    try:
        contract = contract_of(args, project=args.live or "")
    except FileRefused as err:
        if args.report is not None:
            _report_refused(args.report, err, terms, selection)
        raise
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
    conduct = _conduct(terms, selection, session.started, session.seconds)
    return report_document(plan, session.results, record, conduct, scrub), record


def _report_refused(
    folder: Path, err: FileRefused, terms: Terms, selection: Selection
) -> None:
    """Leave a report of what is known: the promise that the files break."""
    plan = refused_plan(err.compose, err.refusal, all_checks())
    results = refused_results(plan, err.refusal)
    conduct = _conduct(terms, selection, datetime.now(UTC), 0.0)
    document = report_document(plan, results, Record(), conduct, Scrubber.of(()))
    write_report(folder, document, Record(), effective={})


def _conduct(
    terms: Terms, selection: Selection, started: datetime, seconds: float
) -> Conduct:
    return Conduct(
        started=started,
        seconds=seconds,
        strict=terms.strict,
        live=terms.live is not None,
        select=selection.select,
        destructive=selection.destructive,
    )

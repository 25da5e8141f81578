"""Which of several reports answers a question: the one that reaches furthest (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from ..document import Entry, Report
from ..errors import UsageError
from .needs import answer, highest_rate, most_series
from .question import Question

__all__ = ["choose"]


def choose(question: Question, reports: Mapping[str, Report]) -> str:
    """Return the name of the report that answers best.

    One that need not refuse before one that must, one that measured the load before
    one that must extrapolate to it, one of the simulator before one that ended where a
    real Home Assistant did, and among equals the newest.

    Raises:
        UsageError: there is none.
    """
    if not reports:
        raise UsageError(
            "there is no report to answer from: make one with `capacity run`, or name "
            "one with --report DIR"
        )
    return max(reports, key=lambda name: _merit(question, reports[name]))


def _merit(question: Question, report: Report) -> tuple[bool, bool, bool, bool, float]:
    refused = bool(answer(question, report).refusals)
    return (
        not refused,
        (highest_rate(report, question.entities) or 0.0) >= question.rate,
        most_series(report) >= question.entities,
        report.workload.entry is Entry.FAKE_HA,
        report.run.started.timestamp(),
    )

"""The end of a run is read from top to bottom: failures first, the verdict last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stackproof.cli.summary import summary_lines

LAST = (
    "shop breaks 1 promise of 5 cases, and 1 case could not be decided. "
    "(1 pass, 1 fail, 1 unknown, 1 not promised, 1 ignored; 12 s)"
)


def check(check_id: str, verdict: str, **more: str) -> dict[str, Any]:
    """Build what a report says of a case."""
    return {
        "id": check_id,
        "label": "web",
        "kind": "promise",
        "verdict": verdict,
        "promised": "this",
        "observed": "",
        "message": "",
        **more,
    }


def document(*checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Build a report."""
    verdicts = ("pass", "fail", "unknown", "not_promised", "ignored")
    return {
        "project": "shop",
        "verdict": "fail",
        "checks": list(checks),
        "counts": {v: sum(c["verdict"] == v for c in checks) for v in verdicts},
        "start_problem": None,
        "unused_ignores": [],
        "not_observed": [],
        "coverage": 97.5,
        "seconds": 12.3,
        **more,
    }


def test_everything_is_told_in_order() -> None:
    """Each kind of line, once."""
    report = document(
        check("A-01", "pass"),
        check("B-01", "unknown", message="no right"),
        check("C-01", "fail", observed="that", message="mend\nit"),
        check("D-01", "not_promised"),
        check("E-01", "ignored", reason="known"),
        start_problem="port in use",
        unused_ignores=[{"id": "F", "subject": "*", "origin": "file", "reason": "r"}],
        not_observed=["log of web: gone"],
    )

    assert list(summary_lines(report, report=Path("run"))) == [
        "the start failed: port in use",
        "FAIL C-01[web]",
        "    promised: this",
        "    observed: that",
        "    mend\n    it",
        "UNKNOWN B-01[web]",
        "    promised: this",
        "    no right",
        "not promised: 1 case of good practice (D-01); see --strict",
        "ignored: E-01[web]: known",
        "unused exception: F of * (file)",
        "no evidence: log of web: gone",
        "coverage: 97.5 % of the declared keys",
        "report: run/report.html",
        LAST,
    ]


def test_same_reason_is_told_once() -> None:
    """Who lacks a right reads so once, and then what depends on it."""
    report = document(
        check("A-01", "unknown", message="needs root"),
        check("A-02", "unknown", message="needs root"),
        check("B-01", "fail", message="same"),
        check("B-02", "fail", message="same"),
    )

    lines = list(summary_lines(report))

    assert lines[:6:3] == ["FAIL B-01[web]", "FAIL B-02[web]"]
    assert lines[6:10] == [
        "UNKNOWN 2 cases:",
        "    A-01[web]",
        "    A-02[web]",
        "    needs root",
    ]


def test_nothing_to_judge() -> None:
    """No case is no pass."""
    assert list(summary_lines(document()))[-1] == (
        "Nothing was judged: no case of shop was chosen. (no case; 12 s)"
    )

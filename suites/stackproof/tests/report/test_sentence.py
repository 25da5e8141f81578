"""A run is summed up in one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.report.sentence import verdict_sentence

BROKEN = {"kind": "promise", "verdict": "fail"}
POLICY = {"kind": "policy", "verdict": "fail"}
OPEN = {"kind": "promise", "verdict": "unknown"}
GOOD = {"kind": "promise", "verdict": "pass"}
ALL_KINDS = (
    "shop breaks 2 promises and 1 policy of 4 cases, and 1 case could not be decided."
)


@pytest.mark.parametrize(
    ("checks", "problem", "sentence"),
    [
        ([GOOD], None, "shop keeps what it promises: 1 case passed."),
        ([GOOD, BROKEN], None, "shop breaks 1 promise of 2 cases."),
        ([POLICY, POLICY], None, "shop breaks 2 policies of 2 cases."),
        (
            [BROKEN, BROKEN, POLICY, OPEN],
            None,
            ALL_KINDS,
        ),
        ([GOOD, OPEN], None, "shop cannot be judged: 1 case of 2 open."),
        ([GOOD], "port in use", "shop cannot be judged: it did not start."),
        ([], None, "Nothing was judged: no case of shop was chosen."),
    ],
)
def test_sentence(
    checks: list[dict[str, Any]], problem: str | None, sentence: str
) -> None:
    """What is broken comes before what is open, and that before what holds."""
    verdicts = [check["verdict"] for check in checks]
    document = {
        "project": "shop",
        "checks": checks,
        "counts": {v: verdicts.count(v) for v in ("pass", "fail", "unknown")},
        "start_problem": problem,
    }

    assert verdict_sentence(document) == sentence

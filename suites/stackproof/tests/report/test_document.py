"""Documents have the published shape and hold no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stackproof.check import Verdict
from stackproof.contract.plan import Plan
from stackproof.errors import SourceError
from stackproof.report.document import overall, plan_document
from stackproof.report.schema import PLAN, REPORT, load_schema, validate


@pytest.mark.parametrize("name", [REPORT, PLAN])
def test_schema_is_a_schema(name: str) -> None:
    """The published files follow the standard that they name."""
    Draft202012Validator.check_schema(load_schema(name))


def test_report_has_the_published_shape(document: dict[str, Any]) -> None:
    """What is written can be read by who knows the schema only."""
    validate(json.loads(json.dumps(document)), REPORT, origin="report")


def test_plan_has_the_published_shape(plan: Plan) -> None:
    """The plan has the same cases, without what only a run can know."""
    document = json.loads(json.dumps(plan_document(plan)))

    validate(document, PLAN, origin="plan")
    assert "verdict" not in document["checks"][0]
    assert document["coverage"] == 50.0
    assert document["declared"] == [
        {"service": "web", "key": "ports", "checks": ["DISCOVERY-01"]},
        {"service": None, "key": "volumes.data", "checks": []},
    ]


def test_report_says_what_was_found(document: dict[str, Any]) -> None:
    """Fields of a case stand where the issue wants them."""
    check = document["checks"][2]

    assert document["verdict"] == "fail"
    assert document["counts"] == {
        "pass": 2,
        "fail": 1,
        "unknown": 1,
        "not_promised": 1,
        "ignored": 1,
    }
    assert check["id"] == "ORDER-01"
    assert check["family"] == "ORDER"
    assert check["subject"] == {"service": "web", "peer": "store", "key": "ports[0]"}
    assert document["checks"][5]["reason"] == "a known one"


def test_secrets_are_hidden(document: dict[str, Any]) -> None:
    """A value that is known to be secret is in no text."""
    assert "hunter2222" not in json.dumps(document)


def test_wrong_document_is_named(document: dict[str, Any]) -> None:
    """A reader learns the place that is wrong."""
    document["checks"][0]["verdict"] = "green"

    with pytest.raises(SourceError, match=r"\$\.checks\[0\]\.verdict"):
        validate(document, REPORT, origin="report.json")


@pytest.mark.parametrize(
    ("verdicts", "problem", "expected"),
    [
        (["pass", "not_promised", "ignored"], None, Verdict.PASS),
        (["pass", "unknown"], None, Verdict.UNKNOWN),
        (["unknown", "fail"], None, Verdict.FAIL),
        (["pass"], "port in use", Verdict.UNKNOWN),
        ([], None, Verdict.UNKNOWN),
    ],
)
def test_verdict_of_a_run(
    verdicts: list[str], problem: str | None, expected: Verdict
) -> None:
    """Only a run in which everything was decided well is a pass."""
    assert overall([{"verdict": v} for v in verdicts], problem) is expected

"""Tests of the JUnit file: what a gate lets pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from capacity.document import (
    Baseline,
    Check,
    DrainS,
    Gate,
    Ratio,
    Report,
    Standing,
    Status,
)
from capacity.report.junit import junit
from capacity.report.sentence import sentence

Make = Callable[..., Report]
replace = msgspec.structs.replace


def outcomes(report: Report) -> dict[str, str]:
    """Return each case with what became of it."""
    suite = ET.fromstring(junit(report))[0]  # noqa: S314 - our own
    return {
        f"{case.attrib['classname']}/{case.attrib['name']}": case[0].tag
        if len(case)
        else "passed"
        for case in suite.iter("testcase")
    }


def test_sound_run_passes_the_gate(made_up: Make) -> None:
    """No failure, no error; warnings are skipped with their reason."""
    suite = ET.fromstring(junit(made_up()))[0]  # noqa: S314 - our own

    assert (suite.attrib["failures"], suite.attrib["errors"]) == ("0", "0")
    assert suite.attrib["skipped"] == "2"
    assert int(suite.attrib["tests"]) == len(list(suite.iter("testcase")))
    properties = {p.attrib["name"]: p.attrib["value"] for p in suite.iter("property")}
    assert properties["sustained_eps"] == "305"
    assert properties["stop_reason"] == "width_reached"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (Status.PASS, "passed"),
        (Status.FAIL, "failure"),
        (Status.INVALID, "error"),
        (Status.INCONCLUSIVE, "error"),
    ],
)
def test_verdict_is_a_case(made_up: Make, status: Status, outcome: str) -> None:
    """What is no capacity does not pass, and the sentence says why."""
    report = made_up()
    report = replace(report, verdict=replace(report.verdict, status=status))
    text = junit(report)

    assert outcomes(report)["capacity.verdict/capacity"] == outcome
    assert status is Status.PASS or sentence(report)[:40] in text


@pytest.mark.parametrize(
    ("change", "case", "outcome"),
    [
        (
            lambda r: {"run": replace(r.run, complete=False)},
            "capacity.verdict/complete",
            "error",
        ),
        (
            lambda _: {
                "validity": (
                    Check(
                        name="steal",
                        standing=Standing.BAD,
                        value="9",
                        limit="5",
                        why="",
                    ),
                )
            },
            "capacity.validity/steal",
            "error",
        ),
        (
            lambda r: {"resilience": replace(r.resilience, lost=3)},
            "capacity.outage/nothing lost",
            "failure",
        ),
        (
            lambda r: {
                "resilience": replace(
                    r.resilience, drain_s=DrainS(predicted=9.0, measured=None)
                )
            },
            "capacity.outage/drains",
            "failure",
        ),
        (
            lambda r: {
                "trials": tuple(
                    replace(t, accounting=replace(t.accounting, lost=1))
                    for t in r.trials
                )
            },
            "capacity.sustained/nothing lost",
            "failure",
        ),
    ],
)
def test_what_is_wrong_does_not_pass(
    made_up: Make, change: Callable[[Any], dict[str, Any]], case: str, outcome: str
) -> None:
    """Each kind of defect turns its own case red."""
    report = made_up()

    assert outcomes(report).get(case, "passed") == "passed"
    assert outcomes(made_up(**change(report)))[case] == outcome


@pytest.mark.parametrize(
    ("gate", "match", "outcome"),
    [
        (Gate.WORSE, True, "failure"),
        (Gate.UNDECIDED, True, "skipped"),
        (Gate.SAME, True, "passed"),
        (Gate.BETTER, True, "passed"),
        (Gate.WORSE, False, "skipped"),
    ],
)
def test_baseline_gates_only_on_the_same_host(
    made_up: Make, *, gate: Gate, match: bool, outcome: str
) -> None:
    """Worse is red on the same host; another host gates nothing."""
    ratio = Ratio(metric="CPU per event", value=1.2, ci=(1.1, 1.3), gate=gate)
    found = Baseline(
        run_id="before", fingerprint_match=match, ratios=(ratio,), false_alarm_rate=None
    )

    case = "capacity.baseline/CPU per event"
    assert outcomes(made_up(baseline=found))[case] == outcome


def test_text_that_xml_cannot_hold_is_replaced(made_up: Make) -> None:
    """A control character from outside does not break the file."""
    report = made_up()
    checks = (replace(report.validity[0], name="bad \x00 name"),)

    assert "\x00" not in junit(made_up(validity=checks))

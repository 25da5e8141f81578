"""Build servers understand what came out."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

from stackproof.report.junit import junit


def test_verdicts_are_told(document: dict[str, Any]) -> None:
    """Failed is failure, unknown is error, the other two are skipped with a reason."""
    suite = ET.fromstring(junit(document))[0]  # noqa: S314 - our own text

    cases = {case.attrib["name"]: case for case in suite.iter("testcase")}
    kinds = {name: [child.tag for child in case] for name, case in cases.items()}
    assert kinds == {
        "LIMIT-01[web 0]": [],
        "STOP-01[web 1]": [],
        "ORDER-01[web 2]": ["failure"],
        "HEALTH-01[web 3]": ["error"],
        "SECURITY-01[web 4]": ["skipped"],
        "OPS-01[web 5]": ["skipped"],
    }
    assert cases["OPS-01[web 5]"][0].attrib["message"] == "ignored: a known one"
    assert cases["ORDER-01[web 2]"][0].attrib["message"] == "web began first"
    assert {k: suite.attrib[k] for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6",
        "failures": "1",
        "errors": "1",
        "skipped": "2",
    }


def test_control_characters_are_replaced(document: dict[str, Any]) -> None:
    """What a log may hold and XML may not does not break the file."""
    document["checks"][2]["message"] = "bell \x07 escape \x1b[31m \ud800 end"

    failure = ET.fromstring(junit(document)).find(".//failure")  # noqa: S314 - the same

    assert failure is not None
    assert failure.attrib["message"] == "bell \ufffd escape \ufffd[31m \ufffd end"

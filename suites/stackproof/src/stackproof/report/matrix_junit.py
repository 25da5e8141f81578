"""Tell a matrix as JUnit XML: one suite a scenario, one case a check (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from .junit import clean, told_as

_NOTHING = "nothing more is known"


def matrix_junit(document: Mapping[str, Any]) -> str:
    """Return the matrix as JUnit.

    A failed cell is a failure, an undecided one an error; one that does not apply is
    skipped, with the reason.
    """
    root = ET.Element("testsuites", name=clean(f"stackproof {document['project']}"))
    for scenario in document["scenarios"]:
        _add_scenario(root, scenario, document["started"])
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, 'unicode')}\n"


def _add_scenario(root: ET.Element, scenario: Mapping[str, Any], started: str) -> None:
    tally = Counter(cell["verdict"] for cell in scenario["cells"])
    suite = ET.SubElement(
        root,
        "testsuite",
        name=clean(scenario["name"]),
        tests=str(len(scenario["cells"])),
        failures=str(tally["fail"]),
        errors=str(tally["unknown"]),
        skipped=str(tally["not_applicable"]),
        time=f"{scenario['seconds']:.3f}",
        timestamp=started,
    )
    details = "\n".join([*scenario["why"], scenario["repeat"]])
    for cell in scenario["cells"]:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=clean(scenario["name"]),
            name=clean(cell["check"]),
        )
        message = cell["message"] or _NOTHING
        match cell["verdict"]:
            case "fail":
                told_as(case, "failure", message, details)
            case "unknown":
                told_as(case, "error", message, details)
            case "not_applicable":
                told_as(case, "skipped", f"does not apply: {message}", None)
            case _:
                pass

"""Tell a run as JUnit XML, which every build server reads (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(document: Mapping[str, Any]) -> str:
    """Return the report as one test suite.

    A failed case is a failure, an undecided one an error; a policy that does not hold
    and an ignored case are skipped, with the reason.
    """
    checks = document["checks"]
    tally = document["counts"]
    suite = ET.Element(
        "testsuite",
        name=clean(f"stackproof {document['project']}"),
        tests=str(len(checks)),
        failures=str(tally["fail"]),
        errors=str(tally["unknown"]),
        skipped=str(tally["not_promised"] + tally["ignored"]),
        time=f"{document['seconds']:.3f}",
        timestamp=document["started"],
    )
    properties = ET.SubElement(suite, "properties")
    for name in ("schema_version", "verdict", "mode", "strict", "coverage", "run"):
        ET.SubElement(
            properties, "property", name=name, value=clean(str(document[name]))
        )
    for check in checks:
        _add_case(suite, check)
    if document["start_problem"]:
        ET.SubElement(suite, "system-err").text = clean(document["start_problem"])
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{ET.tostring(root, 'unicode')}\n"


def _add_case(suite: ET.Element, check: Mapping[str, Any]) -> None:
    service = check["subject"]["service"]
    case = ET.SubElement(
        suite,
        "testcase",
        classname=clean(f"{check['family']}.{service}" if service else check["family"]),
        name=clean(f"{check['id']}[{check['label']}]"),
        time=f"{check['seconds']:.3f}",
    )
    message = check["message"] or check["observed"] or check["title"]
    match check["verdict"]:
        case "fail":
            told_as(case, "failure", message, _told(check))
        case "unknown":
            told_as(case, "error", message, _told(check))
        case "not_promised":
            told_as(case, "skipped", f"not promised: {message}", None)
        case "ignored":
            told_as(case, "skipped", f"ignored: {check.get('reason', '')}", None)
        case _:
            pass


def told_as(case: ET.Element, tag: str, message: str, text: str | None) -> None:
    """Add an outcome to a case: the first line as its message, the rest as text."""
    first = message.strip().splitlines()[:1]
    element = ET.SubElement(case, tag, message=clean("".join(first)))
    element.text = None if text is None else clean(text)


def _told(check: Mapping[str, Any]) -> str:
    return (
        f"promised: {check['promised']}\n"
        f"observed: {check['observed'] or 'nothing'}\n{check['message']}"
    )


def clean(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)

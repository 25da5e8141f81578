"""What a person reads at the end of a run (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

from ..report.sentence import plural, verdict_sentence


def summary_lines(
    document: Mapping[str, Any], *, report: Path | None = None
) -> Iterator[str]:
    """Yield the end of a run: failures first, the verdict last."""
    checks = document["checks"]
    if document["start_problem"]:
        yield f"the start failed: {document['start_problem']}"
    yield from _red_lines(checks)
    tally = document["counts"]
    if tally["not_promised"]:
        ids = sorted({c["id"] for c in checks if c["verdict"] == "not_promised"})
        cases = plural(tally["not_promised"], "case")
        yield f"not promised: {cases} of good practice ({', '.join(ids)}); see --strict"
    for check in checks:
        if check["verdict"] == "ignored":
            yield f"ignored: {check['id']}[{check['label']}]: {check['reason']}"
    for ignore in document["unused_ignores"]:
        whose = f"{ignore['id']} of {ignore['subject']}"
        yield f"unused exception: {whose} ({ignore['origin']})"
    for gap in document["not_observed"]:
        yield f"no evidence: {gap}"
    yield f"coverage: {document['coverage']:.1f} % of the declared keys"
    if report is not None:
        yield f"report: {report / 'report.html'}"
    elif document["verdict"] != "pass":
        yield "report: none; --report DIR keeps logs, events and inspect"
    figures = ", ".join(
        f"{number} {name.replace('_', ' ')}" for name, number in tally.items() if number
    )
    yield (
        f"{verdict_sentence(document)} ({figures or 'no case'}; "
        f"{document['seconds']:.0f} s)"
    )


def _red_lines(checks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what failed, then what could not be decided; each reason once."""
    red = [check for check in checks if check["verdict"] in {"fail", "unknown"}]
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for check in sorted(red, key=lambda check: str(check["verdict"])):
        # Cases that miss the same right or service differ in nothing but their name.
        same = check["message"] if check["verdict"] == "unknown" else f"{check}"
        groups.setdefault((check["verdict"], same), []).append(check)
    for (verdict, _), members in groups.items():
        first = members[0]
        if len(members) > 1:
            yield f"{verdict.upper()} {plural(len(members), 'case')}:"
            yield from (f"    {check['id']}[{check['label']}]" for check in members)
        else:
            yield f"{verdict.upper()} {first['id']}[{first['label']}]"
            yield f"    promised: {first['promised']}"
            if first["observed"]:
                yield f"    observed: {first['observed']}"
        if first["message"]:
            yield indent(first["message"], "    ")

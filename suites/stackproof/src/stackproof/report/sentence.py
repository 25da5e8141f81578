"""Say in one sentence what came out (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def verdict_sentence(document: Mapping[str, Any]) -> str:
    """Return the verdict of a run as one sentence."""
    tally: Mapping[str, int] = document["counts"]
    failed, unknown, total = tally["fail"], tally["unknown"], sum(tally.values())
    name = document["project"]
    if failed:
        red = [check for check in document["checks"] if check["verdict"] == "fail"]
        policies = sum(check["kind"] == "policy" for check in red)
        broken = [plural(failed - policies, "promise")] * (failed > policies)
        if policies:
            broken.append("1 policy" if policies == 1 else f"{policies} policies")
        also = f", and {plural(unknown, 'case')} could not be decided" * bool(unknown)
        return f"{name} breaks {' and '.join(broken)} of {total} cases{also}."
    if unknown:
        return f"{name} cannot be judged: {plural(unknown, 'case')} of {total} open."
    if document["start_problem"]:
        return f"{name} cannot be judged: it did not start."
    if not total:
        return f"Nothing was judged: no case of {name} was chosen."
    passed = tally["pass"]
    return f"{name} keeps what it promises: {plural(passed, 'case')} passed."


def plural(number: int, noun: str) -> str:
    """Return "1 case", "2 cases"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

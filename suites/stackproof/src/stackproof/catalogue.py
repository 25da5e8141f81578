"""Describe the checks: for `stackproof explain`, and for docs/CHECKS.md.

`python -m stackproof.catalogue > docs/CHECKS.md` writes the page anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from textwrap import fill, indent

from .check import Check, Phase
from .checks import BUILT_IN

_WIDTH = 80
_PHASES = {
    Phase.FILE: "reads the files; nothing runs",
    Phase.START: "judges the record of the start",
    Phase.LOOK: "looks at what runs, changes nothing",
    Phase.PROBE: "disturbs a service for a moment",
    Phase.STOP: "stops containers and starts them again",
    Phase.RECREATE: "removes containers and makes them anew",
    Phase.ENGINE: "restarts the engine; only with `--allow-engine-restart`",
}
_INTRODUCTION = (
    "A **promise** is declared in the Compose file and has to hold. "
    "A **policy** is good practice that the file is silent about: it is reported as "
    "not promised, and fails only with `--strict`. "
    "What is safe on a live project neither writes, stops nor executes anything. "
    "`stackproof explain ID` prints the same texts."
)
_PARTS = ("proves", "how", "why", "fix")
_HEADINGS = {
    "proves": "A pass means",
    "how": "How it is observed",
    "why": "Why it matters",
    "fix": "What to do about a failure",
}


def explanation(check: Check) -> str:
    """Return what there is to know about a check, for a terminal."""
    paragraphs = [
        f"{_HEADINGS[part]}:\n{indent(fill(getattr(check, part), _WIDTH - 2), '  ')}"
        for part in _PARTS
        if getattr(check, part)
    ]
    head = f"{check.id}  {check.title}\n{_facts(check)}"
    return "\n\n".join([head, *paragraphs]) + "\n"


def page(checks: Iterable[Check]) -> str:
    """Return docs/CHECKS.md for some checks."""
    known = sorted(checks, key=_order)
    families: dict[str, list[Check]] = {}
    for check in known:
        families.setdefault(check.family, []).append(check)
    blocks = [
        "# The checks of stackproof",
        "Made from the checks themselves by `make checks-doc`; do not edit.",
        _INTRODUCTION,
        _table(known),
    ]
    for family, members in families.items():
        blocks.append(f"## {family}")
        for check in members:
            blocks += [f"### {check.id}", f"**{check.title}**", _facts(check)]
            blocks += [
                f"- *{_HEADINGS[part]}:* {_one_line(getattr(check, part))}"
                for part in _PARTS
                if getattr(check, part)
            ]
    return "\n\n".join(blocks).replace("\n\n- *", "\n- *") + "\n"


def _table(checks: Iterable[Check]) -> str:
    rows = [
        f"| [{check.id}](#{check.id.lower()}) | {check.title.replace('|', '¦')} "
        f"| {check.kind} | {check.phase.name.lower()} "
        f"| {'yes' if check.live else 'no'} |"
        for check in checks
    ]
    return "\n".join(
        ["| id | rule | kind | phase | live |", "|---|---|---|---|---|", *rows]
    )


def _facts(check: Check) -> str:
    live = "safe on a live project" if check.live else "never on a live project"
    phase = f"phase {check.phase.name.lower()} ({_PHASES[check.phase]})"
    return f"{str(check.kind).capitalize()}; {phase}; {live}."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _order(check: Check) -> tuple[str, str]:
    return check.family, check.id


if __name__ == "__main__":
    sys.stdout.write(page(BUILT_IN))

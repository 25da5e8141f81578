"""`stackproof explain` and `stackproof list`."""

from __future__ import annotations

import sys

from ..catalogue import explanation
from ..contract.ignores import matches
from ..errors import UsageError
from ..registry import all_checks
from .options import PASS


def explain(selector: str) -> int:
    """Print what the chosen checks prove.

    Raises:
        UsageError: none is meant.
    """
    chosen = [check for check in all_checks() if matches(selector, check.id)]
    if not chosen:
        raise UsageError(f"no check has the id {selector!r}; see `stackproof list`")
    sys.stdout.write("\n".join(map(explanation, chosen)))
    return PASS


def list_checks() -> int:
    """Print one line for each check."""
    checks = all_checks()
    wide = max((len(check.id) for check in checks), default=0)
    for check in checks:
        live = "live" if check.live else ""
        sys.stdout.write(
            f"{check.id:<{wide}}  {check.kind:<7}  {check.phase.name.lower():<8}  "
            f"{live:<4}  {check.title}\n"
        )
    return PASS

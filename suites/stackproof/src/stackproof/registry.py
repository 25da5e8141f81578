"""All checks: those of this package, and those that other packages bring.

Another package adds checks through the entry point group `stackproof.checks`; each
entry names an iterable of `Check`. Its ids start with a family of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points

from .check import Check
from .errors import UsageError

GROUP = "stackproof.checks"


@cache
def all_checks() -> tuple[Check, ...]:
    """Return the checks of this package and of all that are installed beside it.

    Raises:
        UsageError: an entry point cannot be loaded, is no iterable of `Check`, or takes
            an id that is already given.
    """
    from .checks import BUILT_IN  # noqa: PLC0415 - takes time, and not all need them

    found = list(BUILT_IN)
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            brought = tuple(entry.load())
        except (ImportError, AttributeError, TypeError) as err:
            raise UsageError(f"entry point {entry.name} of {GROUP}: {err}") from err
        if not all(isinstance(check, Check) for check in brought):
            raise UsageError(f"entry point {entry.name} of {GROUP}: not only checks")
        found += brought
    return unique(found)


def unique(checks: Iterable[Check]) -> tuple[Check, ...]:
    """Return the checks in the order of their ids.

    Raises:
        UsageError: two have the same id.
    """
    by_id: dict[str, Check] = {}
    for check in checks:
        if by_id.setdefault(check.id, check) is not check:
            raise UsageError(f"two checks have the id {check.id}")
    return tuple(by_id[check_id] for check_id in sorted(by_id))

"""What was sent against what is stored: the acceptance question as a pure function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Where two records of the same events differ.

    Attributes:
        lost: sent, and not stored as often as sent.
        duplicated: stored more often than sent.
        unknown: stored, and never sent.
    """

    lost: frozenset[str] = frozenset()
    duplicated: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    @property
    def ok(self) -> bool:
        """True when the two records agree."""
        return not (self.lost or self.duplicated or self.unknown)

    def __str__(self) -> str:
        if self.ok:
            return "nothing lost, nothing twice, nothing unknown"
        parts = {
            "lost": self.lost,
            "duplicated": self.duplicated,
            "unknown": self.unknown,
        }
        return "; ".join(
            f"{len(keys)} {name}, such as {min(keys)}"
            for name, keys in parts.items()
            if keys
        )


NOTHING_WRONG = Reconciliation()


def reconcile(sent: Iterable[str], stored: Iterable[str]) -> Reconciliation:
    """Compare two multisets of keys.

    A key identifies one event, so it is sent once as a rule. Where the sender itself
    used a key more than once, the store must hold it as often.
    """
    expected, found = Counter(sent), Counter(stored)
    return Reconciliation(
        lost=frozenset(expected - found),
        duplicated=frozenset(key for key in found - expected if key in expected),
        unknown=frozenset(found.keys() - expected.keys()),
    )

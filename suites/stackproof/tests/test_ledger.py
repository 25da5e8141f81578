"""Two records of the same events are compared as multisets."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackproof.ledger import NOTHING_WRONG, Reconciliation, reconcile

KEYS = st.lists(st.sampled_from("abcdef"))


@pytest.mark.parametrize(
    ("sent", "stored", "verdict"),
    [
        ("", "", NOTHING_WRONG),
        ("ab", "ba", NOTHING_WRONG),
        ("aa", "aa", NOTHING_WRONG),
        ("ab", "a", Reconciliation(lost=frozenset("b"))),
        ("aa", "a", Reconciliation(lost=frozenset("a"))),
        ("a", "aa", Reconciliation(duplicated=frozenset("a"))),
        ("a", "ab", Reconciliation(unknown=frozenset("b"))),
        ("", "bb", Reconciliation(unknown=frozenset("b"))),
        (
            "abc",
            "aacd",
            Reconciliation(
                lost=frozenset("b"), duplicated=frozenset("a"), unknown=frozenset("d")
            ),
        ),
    ],
)
def test_difference_is_named(sent: str, stored: str, verdict: Reconciliation) -> None:
    """Each kind of difference is told from the others."""
    assert reconcile(sent, stored) == verdict


@given(sent=KEYS, stored=KEYS)
def test_verdict_is_ok_only_for_equal_multisets(
    sent: list[str], stored: list[str]
) -> None:
    """Nothing is wrong exactly when both records hold each key equally often."""
    assert reconcile(sent, stored).ok == (Counter(sent) == Counter(stored))


def test_verdict_reads_as_a_sentence() -> None:
    """The text has counts and one example of each kind."""
    verdict = Reconciliation(lost=frozenset("ab"), unknown=frozenset("c"))

    assert str(verdict) == "2 lost, such as a; 1 unknown, such as c"
    assert str(NOTHING_WRONG) == "nothing lost, nothing twice, nothing unknown"

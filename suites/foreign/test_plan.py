"""Any valid file compiles without an error, with every key accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.compose import Compose
from stackproof.contract.keys import NO_CHECK, covers
from stackproof.contract.plan import Plan, compile_plan
from stackproof.contract.source import read_contract
from stackproof.registry import all_checks

FILES = Path(__file__).resolve().parents[1] / "stackproof" / "tests" / "files"


def planned(path: Path) -> Plan:
    """Compile one file."""
    return compile_plan(read_contract(Compose(project="", files=(path,))), all_checks())


@pytest.mark.gate
@pytest.mark.parametrize("path", sorted(FILES.glob("*.yml")), ids=lambda p: p.stem)
def test_every_key_is_accounted_for(path: Path) -> None:
    """Each key is proven by a case or listed with the reason why it is not."""
    plan = planned(path)

    proven = {key for key, checks in plan.accounted if checks}
    for key, _ in plan.accounted:
        listed = any(
            missing.service == (key.service or None) and covers(missing.key, key.path)
            for missing in plan.not_covered
        )
        assert (key in proven) is not listed, str(key)
    assert [str(n) for n in plan.not_covered if n.reason == NO_CHECK] == []


@pytest.mark.gate
@pytest.mark.parametrize("path", sorted(FILES.glob("*.yml")), ids=lambda p: p.stem)
def test_labels_are_unique_within_a_check(path: Path) -> None:
    """A label names one case: it is part of the id of a test."""
    names = [str(case) for case in planned(path).cases]

    assert sorted(names) == sorted(set(names))

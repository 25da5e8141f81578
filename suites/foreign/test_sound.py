"""Stacks without a fault get no complaint."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stackproof.verify.trial import Outcome

GATE = ("plain", "shop", "packaged")
LONG = ("pods", "plant")
SOUND = (*(pytest.param(name, marks=pytest.mark.gate) for name in GATE), *LONG)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stack", SOUND)
def test_sound_stack_is_green(foreign: Callable[..., Outcome], stack: str) -> None:
    """No promise of a sound stack is called broken, and each is decided."""
    outcome = foreign(stack)

    assert outcome.red == frozenset(), str(outcome)

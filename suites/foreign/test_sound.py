"""Stacks without a fault get no complaint."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stackproof.verify.trial import Outcome

SOUND = ("plain", "shop", "packaged")


@pytest.mark.gate
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stack", SOUND)
def test_sound_stack_is_green(foreign: Callable[..., Outcome], stack: str) -> None:
    """No promise of a sound stack is called broken, and each is decided."""
    outcome = foreign(stack)

    assert outcome.red == frozenset(), str(outcome)

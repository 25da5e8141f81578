"""Orchestration: every promise about order, health, restart, operation and data holds.

Beside what the compose files declare: two projects run side by side.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reference_stack import Change, ReferenceStack, Variant
from reference_stack.promises import Promise, Proofs, assert_proven

pytestmark = pytest.mark.timeout(400)

VARIANTS = (Variant.PRODUCTION, Variant.DEVELOPMENT)
NewStack = Callable[..., ReferenceStack]


@pytest.mark.promises("ORDER", "HEALTH", "RESTART", "OPS", "DATA")
def test_orchestration_keeps_its_promise(promise: Promise, proofs: Proofs) -> None:
    """What the files declare about the life of the services is what happens."""
    assert_proven(proofs.prove(promise))


def test_two_stacks_run_side_by_side(new_stack: NewStack) -> None:
    """Two projects with their own subnets are healthy together and share no data."""
    first, second = new_stack(), new_stack()
    for stack in (first, second):
        stack.compose.up()
    for stack in (first, second):
        stack.await_healthy()

    entity = "sensor.side_by_side"
    first.home_assistant.set_state(Change(entity_id=entity, state="1"))
    first.await_rows(entity)

    assert second.stored.rows(entity_ids=[entity]) == ()

"""What the compose files promise about projects as a whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reference_stack import Change, ReferenceStack

pytestmark = pytest.mark.timeout(240)

NewStack = Callable[..., ReferenceStack]


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

"""What the compose files promise about projects as a whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reference_stack import Change, ReferenceStack
from stackproof import all_healthy, any_failed, wait_until

pytestmark = pytest.mark.timeout(240)

NewStack = Callable[..., ReferenceStack]
_HEALTHY_SECONDS = 120.0
_ARRIVES_SECONDS = 20.0


def test_two_stacks_run_side_by_side(new_stack: NewStack) -> None:
    """Two projects with their own subnets are healthy together and share no data."""
    first, second = new_stack(), new_stack()
    for stack in (first, second):
        stack.compose.up()
    for stack in (first, second):
        wait_until(stack.look, all_healthy, failed=any_failed, timeout=_HEALTHY_SECONDS)

    entity = "sensor.side_by_side"
    first.home_assistant.set_state(Change(entity_id=entity, state="1"))
    wait_until(
        lambda: first.stored.rows(entity_ids=[entity]),
        bool,
        timeout=_ARRIVES_SECONDS,
    )

    assert second.stored.rows(entity_ids=[entity]) == ()

"""The stack starts completely and in its promised order."""

from __future__ import annotations

import pytest

from reference_stack import LONG_RUNNING, ReferenceStack
from stackproof import all_healthy, start_order

pytestmark = pytest.mark.timeout(300)


def test_every_service_is_healthy(stack: ReferenceStack) -> None:
    """Each long-running service is healthy and each one-shot has ended with 0."""
    seen = stack.look()

    assert all_healthy(seen), str(seen)
    assert {row.service for row in seen.containers} >= set(LONG_RUNNING)


def test_services_started_in_order(stack: ReferenceStack) -> None:
    """The engine's events bear out each `depends_on` edge of the effective file."""
    violations = start_order(stack.recorder.events, stack.model)

    assert [str(violation) for violation in violations] == []


def test_nothing_restarted(stack: ReferenceStack) -> None:
    """No container needed a second attempt to come up."""
    restarts = {
        row.service: stack.engine.api.inspect_container(row.id)["RestartCount"]
        for row in stack.look().containers
    }

    assert restarts == dict.fromkeys(restarts, 0)

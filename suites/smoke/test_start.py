"""The stack starts completely, in its promised order, as its files declare it."""

from __future__ import annotations

import pytest

from reference_stack import LONG_RUNNING, ReferenceStack
from reference_stack.promises import Promise, assert_proven
from stackproof import all_healthy
from stackproof.verify import Judge

pytestmark = pytest.mark.timeout(300)


def test_every_service_is_healthy(stack: ReferenceStack) -> None:
    """Each long-running service is healthy and each one-shot has ended with 0."""
    seen = stack.look()

    assert all_healthy(seen), str(seen)
    assert {row.service for row in seen.containers} >= set(LONG_RUNNING)


@pytest.mark.promises(
    "ORDER", "HEALTH", "DISCOVERY", "LIMIT", "RESTART", "OPS", destructive=False
)
def test_promise_is_kept(promise: Promise, judge: Judge) -> None:
    """What the compose files declare can be seen on the running stack."""
    assert_proven(judge.one(promise.case))

"""The smoke suite runs on one reference stack of its own."""

from __future__ import annotations

import pytest

from reference_stack import ReferenceStack, Variant
from reference_stack.fixtures import *  # noqa: F403
from reference_stack.promises import prepared_of, proof_stack
from stackproof.verify import Judge


@pytest.fixture(scope="session")
def judge(running_stack: ReferenceStack, pytestconfig: pytest.Config) -> Judge:
    """Judge compiled checks on the running stack; broken policies count."""
    plan = prepared_of(pytestconfig).plan(Variant.PRODUCTION)
    return Judge(proof_stack(running_stack, plan), strict=True)

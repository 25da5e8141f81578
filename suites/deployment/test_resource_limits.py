"""Resource limits: declared, set, enforced, and shown to the user."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from reference_stack import SERVICES, ReferenceStack, Variant
from reference_stack.promises import Promise, Proofs, assert_proven
from stackproof import engine_inspect

pytestmark = pytest.mark.timeout(400)

VARIANTS = (Variant.PRODUCTION, Variant.DEVELOPMENT)
NewStack = Callable[..., ReferenceStack]
_MIB = 2**20


@pytest.mark.promises("LIMIT")
def test_limit_keeps_its_promise(promise: Promise, proofs: Proofs) -> None:
    """Each declared limit is the engine's and the kernel's, and is enforced."""
    assert_proven(proofs.prove(promise))


@pytest.mark.parametrize("service", SERVICES)
def test_usage_is_shown_beside_its_limit(proofs: Proofs, service: str) -> None:
    """Each service exports its memory and its limit, so that alerts can be set."""
    stack = proofs.reference(Variant.PRODUCTION)
    answer = requests.get(stack.service(service).endpoint.url("/metrics"), timeout=10)
    values = metrics(answer.text)

    declared = stack.model.services[service].declares("deploy.resources.limits.memory")
    assert values["ha_ingestor_memory_limit_bytes"] == float(declared)
    assert 0 < values["ha_ingestor_memory_bytes"] < float(declared)


def test_limit_is_adjusted_by_its_variable(new_stack: NewStack) -> None:
    """A limit changed in the environment file is the one that the engine sets."""
    stack = new_stack(INGESTION_MEMORY_LIMIT="300M", INGESTION_CPU_LIMIT="0.25")
    stack.compose("create")
    (row,) = [row for row in stack.compose.ps() if row.service == SERVICES[0]]
    host = engine_inspect(stack.engine)(row.id)["HostConfig"]

    assert host["Memory"] == 300 * _MIB
    assert host["NanoCpus"] == 250_000_000


def metrics(text: str) -> dict[str, float]:
    """Return the values of the samples without labels."""
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {words[0]: float(words[1]) for words in lines if "{" not in words[0]}

"""Service discovery: every name leads to the right container, and to no other."""

from __future__ import annotations

import pytest

from reference_stack import Variant
from reference_stack.promises import Promise, Proofs, assert_proven

pytestmark = pytest.mark.timeout(400)

VARIANTS = (Variant.PRODUCTION, Variant.DEVELOPMENT)


@pytest.mark.promises("DISCOVERY")
def test_discovery_keeps_its_promise(promise: Promise, proofs: Proofs) -> None:
    """Names, ports and networks are as declared, before and after a recreation."""
    assert_proven(proofs.prove(promise))


def test_admin_api_sees_every_neighbour(proofs: Proofs) -> None:
    """The services that admin-api names are all found and ready."""
    stack = proofs.reference(Variant.PRODUCTION)
    answer = stack.admin.get("/services")

    seen = {row["name"]: row["status"] for row in answer["services"]}
    assert seen == dict.fromkeys(
        ("websocket-ingestion", "enrichment-pipeline", "influxdb", "admin-api"), "ready"
    )

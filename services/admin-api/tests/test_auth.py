"""Only the bearer of the token gets an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from admin_api.auth import is_bearer

if TYPE_CHECKING:
    from conftest import Stack


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("Bearer secret-token", True),
        ("bearer secret-token", True),
        ("Bearer  secret-token", True),
        ("Bearer secret-toke", False),
        ("Bearer secret-token2", False),
        ("Bearer Secret-Token", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("secret-token", False),
        ("Basic secret-token", False),
        ("Token secret-token", False),
        ("Bearer sécret", False),
        ("Bearer \udcff", False),
        ("", False),
        (None, False),
    ],
)
def test_header_carries_the_token(header: str | None, accepted: object) -> None:
    """Exactly the token after the word Bearer is accepted."""
    assert is_bearer(header, "secret-token") is accepted


@pytest.mark.asyncio
@pytest.mark.parametrize("token", [None, "wrong", ""])
@pytest.mark.parametrize(
    "path",
    [
        "health",
        "stats",
        "services",
        "events",
        "events?limit=no",
        "config",
        "deadletters",
        "openapi.json",
    ],
)
async def test_every_route_under_api_needs_the_token(
    stack: Stack, path: str, token: str | None
) -> None:
    """Without it there is no answer and no question to a neighbour."""
    status, answer = await stack.get(path, token=token)

    assert (status, answer["error"]["code"]) == (401, "unauthorized")
    assert stack.ingestion.asked == stack.enrichment.asked == stack.influx.queries == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "path", ["/health", "/ready", "/metrics", "/", "/admin.js", "/admin.css"]
)
async def test_health_metrics_and_page_are_open(stack: Stack, path: str) -> None:
    """They are needed before anybody has signed in."""
    async with stack.session.get(f"{stack.url}{path}") as answer:
        assert answer.status == 200


@pytest.mark.asyncio
async def test_refusal_says_how_to_ask(stack: Stack) -> None:
    """A 401 names the scheme."""
    async with stack.session.get(f"{stack.url}/api/v1/stats") as answer:
        assert answer.headers["WWW-Authenticate"] == "Bearer"

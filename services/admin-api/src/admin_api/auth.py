"""Who may ask: the bearer of the admin token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from servicekit.http import error_response

__all__ = ["Answer", "is_bearer", "protected"]

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_bearer(header: str | None, token: str) -> bool:
    """Return whether an Authorization header carries the token, in constant time."""
    scheme, _, given = (header or "").partition(" ")
    # Bytes that are no UTF-8 arrive as lone surrogates.
    sent = given.strip().encode("utf-8", "surrogateescape")
    same = hmac.compare_digest(sent, token.encode())
    return same and scheme.lower() == "bearer"


def protected(answer: Answer, token: str) -> Answer:
    """Return the route's function behind the token."""

    async def check(request: web.Request) -> web.StreamResponse:
        if is_bearer(request.headers.get("Authorization"), token):
            return await answer(request)
        refused = error_response(
            401, "unauthorized", "send the admin token: Authorization: Bearer ..."
        )
        refused.headers["WWW-Authenticate"] = "Bearer"
        return refused

    return check

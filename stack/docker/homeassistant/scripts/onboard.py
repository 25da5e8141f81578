"""Create the first user and a long-lived token without a browser.

Writes the token to ``TOKEN_FILE``. Can be killed at any moment and run again: a
user that exists already logs in, and a token that still works is kept.

Home Assistant's own order is kept: ``/api/onboarding/users``, ``/auth/token``,
then ``auth/long_lived_access_token`` over the WebSocket.
"""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import aiohttp

URL = os.environ.get("HA_HTTP_URL", "http://home-assistant:8123")
TOKEN_FILE = Path(os.environ.get("TOKEN_FILE", "/run/ha-token/ha_access_token"))
CLIENT = f"{URL}/"
USER = "acceptance"
DEADLINE = 60.0


class OnboardingFailed(Exception):
    """Home Assistant answered a step with something else than expected."""


async def answer(response: aiohttp.ClientResponse, *expected: int) -> Any:
    """Return the JSON of *response*, or raise with what was said instead."""
    if response.status not in expected:
        text = (await response.text())[:200]
        raise OnboardingFailed(f"{response.url.path}: {response.status} {text}")
    return await response.json()


async def works(http: aiohttp.ClientSession, token: str) -> bool:
    """Tell whether Home Assistant accepts *token*."""
    headers = {"Authorization": f"Bearer {token}"}
    async with http.get(f"{URL}/api/", headers=headers) as response:
        return response.status == 200


async def authorization_code(http: aiohttp.ClientSession, password: str) -> str:
    """Create the user, or log in if an earlier run has created it."""
    async with http.get(f"{URL}/api/onboarding") as response:
        steps = await answer(response, 200)
    if not next(step["done"] for step in steps if step["step"] == "user"):
        user = {
            "client_id": CLIENT,
            "name": USER,
            "username": USER,
            "password": password,
            "language": "en",
        }
        async with http.post(f"{URL}/api/onboarding/users", json=user) as response:
            return str((await answer(response, 200))["auth_code"])
    start = {
        "client_id": CLIENT,
        "handler": ["homeassistant", None],
        "redirect_uri": CLIENT,
    }
    async with http.post(f"{URL}/auth/login_flow", json=start) as response:
        flow = (await answer(response, 200))["flow_id"]
    login = {"client_id": CLIENT, "username": USER, "password": password}
    async with http.post(f"{URL}/auth/login_flow/{flow}", json=login) as response:
        return str((await answer(response, 200))["result"])


async def long_lived_token(http: aiohttp.ClientSession, code: str) -> str:
    """Exchange *code* for a session and the session for a long-lived token."""
    grant = {"grant_type": "authorization_code", "code": code, "client_id": CLIENT}
    async with http.post(f"{URL}/auth/token", data=grant) as response:
        session = (await answer(response, 200))["access_token"]
    async with http.ws_connect(f"{URL}/api/websocket") as socket:
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": session})
        if (await socket.receive_json())["type"] != "auth_ok":
            raise OnboardingFailed("the session token was refused")
        await socket.send_json(
            {
                "id": 1,
                "type": "auth/long_lived_access_token",
                "client_name": f"acceptance {uuid.uuid4()}",
                "lifespan": 365,
            }
        )
        reply = await socket.receive_json()
    if not reply.get("success"):
        raise OnboardingFailed(f"no long-lived token: {reply.get('error')}")
    return str(reply["result"])


def store(token: str) -> None:
    """Write *token* so that a reader sees all of it or nothing."""
    partial = TOKEN_FILE.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(token)
        file.flush()
        os.fsync(file.fileno())
    partial.chmod(0o444)
    partial.rename(TOKEN_FILE)


async def usable_token(password: str, known: str | None) -> str:
    """Return the known token if it still works, a new one if not."""
    async with asyncio.timeout(DEADLINE), aiohttp.ClientSession() as http:
        if known and await works(http, known):
            return known
        return await long_lived_token(http, await authorization_code(http, password))


def main() -> None:
    """Leave a token that works in the token file."""
    password = Path(os.environ["HA_PASSWORD_FILE"]).read_text(encoding="utf-8").strip()
    known = TOKEN_FILE.read_text(encoding="utf-8") if TOKEN_FILE.exists() else None
    token = asyncio.run(usable_token(password, known))
    if token != known:
        store(token)


try:
    main()
except (OnboardingFailed, aiohttp.ClientError, TimeoutError, OSError) as error:
    sys.exit(f"onboarding: {error!r}")

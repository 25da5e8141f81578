"""Home Assistant's REST API, as far as clients of this project use it."""

from __future__ import annotations

import hmac
from typing import Any

import msgspec
from aiohttp import web

from ..protocol.commands import config
from ..protocol.history import valid_entity_id
from ..world.homeassistant import HomeAssistant
from ..world.states import MAX_STATE_LENGTH, Wanted
from .clock import now_us

REST_RUN = "rest"
"""Run id of states that clients set over REST; their attributes are not stamped."""


class StatesBody(msgspec.Struct, frozen=True):
    """What `POST /api/states/<entity_id>` takes; a state may be anything but null."""

    state: Any
    attributes: dict[str, Any] | None = None
    force_update: Any = False


class RestApi:
    """Handlers of `/api/…`; each wants `Authorization: Bearer <token>`."""

    def __init__(self, home: HomeAssistant) -> None:
        self._home = home

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/api/", self.running),
            web.get("/api/config", self.configuration),
            web.get("/api/states", self.states),
            web.get("/api/states/{entity_id}", self.state),
            web.post("/api/states/{entity_id}", self.set_state),
            web.delete("/api/states/{entity_id}", self.remove_state),
        ]

    async def running(self, request: web.Request) -> web.Response:
        """Tell that the API runs."""
        self._authorize(request)
        return _message("API running.")

    async def configuration(self, request: web.Request) -> web.Response:
        """Return the configuration."""
        self._authorize(request)
        return _json(msgspec.json.encode(config(self._home)))

    async def states(self, request: web.Request) -> web.Response:
        """Return all states."""
        self._authorize(request)
        return _json(self._home.states.snapshot())

    async def state(self, request: web.Request) -> web.Response:
        """Return one state."""
        self._authorize(request)
        current = self._current(request.match_info["entity_id"])
        if current is None:
            return _message("Entity not found.", status=404)
        return _json(current)

    async def set_state(self, request: web.Request) -> web.Response:
        """Set one state: 201 when that creates the entity, else 200."""
        self._authorize(request)
        text = await request.read()
        try:
            document = msgspec.json.decode(text) if text else None
        except msgspec.DecodeError:
            return _message("Invalid JSON specified.", status=400)
        if not isinstance(document, dict):
            return _message("State data should be a JSON object.", status=400)
        if document.get("state") is None:
            return _message("No state specified.", status=400)
        try:
            body = msgspec.convert(document, StatesBody)
        except msgspec.ValidationError:
            return _message("Invalid attributes specified.", status=400)
        if len(str(body.state)) > MAX_STATE_LENGTH:
            return _message("Invalid state specified.", status=400)
        given = request.match_info["entity_id"]
        entity_id = given.lower()
        if not valid_entity_id(entity_id):
            return _message("Invalid entity ID specified.", status=400)
        created = self._current(entity_id) is None
        self._home.set(
            Wanted(
                entity_id=entity_id,
                state=str(body.state),
                attributes=body.attributes or {},
                shape=self._home.shapes.number(REST_RUN),
                stamp=False,
                force=bool(body.force_update),
                user_id=self._home.identity.user_id,
            ),
            now_us(),
        )
        current = self._home.states.entity(entity_id).current
        response = _json(current or b"null", status=201 if created else 200)
        response.headers["Location"] = f"/api/states/{given}"
        return response

    async def remove_state(self, request: web.Request) -> web.Response:
        """Remove one state."""
        self._authorize(request)
        entity_id = request.match_info["entity_id"].lower()
        if self._home.remove(entity_id, REST_RUN, now_us()) is None:
            return _message("Entity not found.", status=404)
        return _message("Entity removed.")

    def _current(self, entity_id: str) -> bytes | None:
        """Return the state of an entity, however its id is written."""
        entity = self._home.states.find(entity_id.lower())
        return None if entity is None else entity.current

    def _authorize(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "")
        wanted = self._home.token
        if wanted is None or not hmac.compare_digest(
            given.encode(), f"Bearer {wanted}".encode()
        ):
            raise web.HTTPUnauthorized


def _json(text: bytes, *, status: int = 200) -> web.Response:
    return web.Response(body=text, status=status, content_type="application/json")


def _message(text: str, *, status: int = 200) -> web.Response:
    return _json(msgspec.json.encode({"message": text}), status=status)

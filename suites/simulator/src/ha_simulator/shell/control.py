"""`/_script/*`: what a test or a benchmark tells the simulator to do."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from aiohttp import web

from ..errors import ControlError
from ..load.schedule import Profile
from ..protocol.history import valid_entity_id
from ..world.boot import Timetable
from ..world.states import Wanted
from ..world.timestamps import SECOND, parse
from .clock import now_us
from .connection import Ending
from .requests import (
    MAX_BYTES,
    MAX_ENTITIES,
    MAX_OFFSETS,
    AuthRequest,
    BurstRequest,
    Change,
    ConnectionRequest,
    ControlRequest,
    EmitRequest,
    PoisonRequest,
    RateRequest,
    RecorderRequest,
    RemoveRequest,
    RestartRequest,
    StopRequest,
)

if TYPE_CHECKING:
    from .simulator import Simulator

LEDGER_LINES: Final = 2_000
"""Ledger lines sent before other work runs."""
LONGEST_WAIT: Final = 60.0
"""Seconds a request may wait for a job."""

T = TypeVar("T", bound=ControlRequest)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """Handlers of the control API.

    Args:
        token: bearer token that every control request needs; None wants none.
    """

    def __init__(self, simulator: Simulator, token: str | None) -> None:
        self._simulator = simulator
        self._home = simulator.home
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/_script/emit", self.emit),
            web.post("/_script/burst", self.burst),
            web.post("/_script/rate", self.rate),
            web.get("/_script/rate/{job}", self.job),
            web.post("/_script/stop", self.stop),
            web.post("/_script/remove", self.remove),
            web.post("/_script/poison", self.poison),
            web.post("/_script/restart", self.restart),
            web.post("/_script/kill", self.kill),
            web.post("/_script/cut", self.cut),
            web.post("/_script/half_open", self.half_open),
            web.post("/_script/auth", self.auth),
            web.post("/_script/recorder", self.recorder),
            web.get("/_script/ledger", self.ledger),
            web.get("/_script/status", self.status),
        ]

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check the control token, and turn errors into JSON."""
        if not request.path.startswith("/_script/"):
            return await handler(request)
        given = request.headers.get("Authorization", "").encode()
        if self._token is not None and not hmac.compare_digest(
            given, f"Bearer {self._token}".encode()
        ):
            return _problem(401, "unauthorized", "wrong or missing control token")
        try:
            return await handler(request)
        except ControlError as err:
            return _problem(err.status, err.code, err.message)
        except web.HTTPException as err:
            return _problem(err.status, "http_error", err.reason)

    async def emit(self, request: web.Request) -> web.Response:
        """Set states from a list, in one loop turn."""
        body = await _body(request, EmitRequest)
        shape = self._home.shapes.number(body.run_id)
        wanted = [_wanted(change, shape) for change in body.changes]
        now = now_us()
        events = [
            self._event(item.entity_id, self._home.set(item, now)) for item in wanted
        ]
        return _json({"run_id": body.run_id, "events": events})

    async def burst(self, request: web.Request) -> web.Response:
        """Emit *n* generated events in one loop turn."""
        body = await _body(request, BurstRequest)
        _require(1 <= body.n <= MAX_ENTITIES, "n", f"1 to {MAX_ENTITIES}")
        _check_generated(body)
        if not self._home.emitting:
            raise ControlError(409, "not_running", "Home Assistant is not up")
        shape = self._home.shapes.number(
            body.run_id, unit=body.unit, payload_bytes=body.payload_bytes
        )
        states = self._home.states
        entities = [
            states.entity(f"{body.prefix}_{number}")
            for number in range(min(body.entities, body.n))
        ]
        now = 0
        first = self._home.journal.next
        for number in range(body.n):
            now = max(now_us(), now + 1)
            self._home.generate(
                entities[number % len(entities)], shape, now, record=body.record
            )
        return _json(
            {
                "run_id": body.run_id,
                "emitted": body.n,
                "first_serial": first,
                "last_serial": self._home.journal.last,
            }
        )

    async def rate(self, request: web.Request) -> web.Response:
        """Start a rate job and return its first status."""
        body = await _body(request, RateRequest)
        _check_generated(body)
        _require(body.seconds is None or body.seconds > 0, "seconds", "positive")
        _require(body.count is None or body.count > 0, "count", "positive")
        _require(len(body.offsets) <= MAX_OFFSETS, "offsets", f"at most {MAX_OFFSETS}")
        trace = body.profile is Profile.TRACE
        _require(trace or not body.offsets, "offsets", "left out but for a trace")
        _require(
            0 <= body.entity_growth <= MAX_ENTITIES,
            "entity_growth",
            f"0 to {MAX_ENTITIES}",
        )
        return _json(self._simulator.jobs.start(body).status())

    async def job(self, request: web.Request) -> web.Response:
        """Return one job's status; `?wait=S` waits up to S seconds for its end."""
        job = self._simulator.jobs.find(_integer(request.match_info["job"], "job"))
        wait = _number(request.query.get("wait", "0"), "wait")
        _require(0 <= wait <= LONGEST_WAIT, "wait", f"0 to {LONGEST_WAIT:.0f}")
        if wait and not job.done.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(job.done.wait(), wait)
        return _json(job.status())

    async def stop(self, request: web.Request) -> web.Response:
        """Stop one rate job or all of them."""
        body = await _body(request, StopRequest)
        stopped = await self._simulator.jobs.stop(body.job)
        return _json({"jobs": [job.status() for job in stopped]})

    async def remove(self, request: web.Request) -> web.Response:
        """Remove entities, in one loop turn."""
        body = await _body(request, RemoveRequest)
        now = now_us()
        events = [
            self._event(entity_id, self._home.remove(entity_id, body.run_id, now))
            for entity_id in body.entity_ids
        ]
        return _json({"run_id": body.run_id, "events": events})

    async def poison(self, request: web.Request) -> web.Response:
        """Emit one event with huge attributes."""
        body = await _body(request, PoisonRequest)
        _require(0 <= body.bytes <= MAX_BYTES, "bytes", f"0 to {MAX_BYTES}")
        change = Change(
            entity_id=body.entity_id,
            state=body.state,
            attributes={"poison": "x" * body.bytes},
            force=True,
        )
        wanted = _wanted(change, self._home.shapes.number(body.run_id))
        event = self._event(body.entity_id, self._home.set(wanted, now_us()))
        return _json({"run_id": body.run_id, "events": [event]})

    async def restart(self, request: web.Request) -> web.Response:
        """Stop in order, writing the recorder, and come back."""
        return await self._restart(request, crash=False)

    async def kill(self, request: web.Request) -> web.Response:
        """Crash, losing uncommitted recorder rows, and come back."""
        return await self._restart(request, crash=True)

    async def cut(self, request: web.Request) -> web.Response:
        """Drop sockets without a close frame; half-open ones too."""
        body = await _body(request, ConnectionRequest)
        released = 0
        dropped = self._simulator.connections.drop(Ending.CUT, number=body.connection)
        if body.connection is None:
            released = self._simulator.connections.release_half_open()
        return _json({"dropped": dropped, "half_open_released": released})

    async def half_open(self, request: web.Request) -> web.Response:
        """Stop reading and writing for good without closing the sockets."""
        body = await _body(request, ConnectionRequest)
        dropped = self._simulator.connections.drop(
            Ending.HALF_OPEN, number=body.connection
        )
        return _json({"half_open": dropped})

    async def auth(self, request: web.Request) -> web.Response:
        """Rotate or revoke the access token; sockets of the old one close."""
        body = await _body(request, AuthRequest)
        _require(body.token != "", "token", "a text or null")
        self._home.token = body.token
        return _json({"dropped": self._simulator.connections.drop(Ending.REVOKED)})

    async def recorder(self, request: web.Request) -> web.Response:
        """Change the commit interval, or take history away and give it back."""
        body = await _body(request, RecorderRequest)
        recorder = self._home.recorder
        if body.commit_seconds is not None:
            _require(body.commit_seconds > 0, "commit_seconds", "positive")
            recorder.set_interval(int(body.commit_seconds * SECOND), now_us())
        if body.history_loaded is not None:
            self._home.history_loaded = body.history_loaded
        return _json(
            {
                "commit_seconds": recorder.commit_us / SECOND,
                "history_loaded": self._home.history_loaded,
                "pending": recorder.pending,
            }
        )

    async def ledger(self, request: web.Request) -> web.StreamResponse:
        """Stream the ledger as NDJSON: `?run_id=`, `?after=` serial, `?limit=`."""
        query = request.query
        journal = self._home.journal
        after = _integer(query.get("after", "0"), "after")
        limit = _integer(query.get("limit", str(journal.capacity)), "limit")
        _require(limit >= 0, "limit", "0 or more")
        self._home.recorder.advance(now_us())
        self._simulator.connections.settle()
        upto = journal.last
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/x-ndjson",
                "X-Ledger-Capped": "true" if journal.capped else "false",
                "X-Ledger-First-Serial": str(journal.first),
                "X-Ledger-Last-Serial": str(upto),
            }
        )
        await response.prepare(request)
        lines = islice(
            self._home.ledger.lines(run_id=query.get("run_id"), after=after, upto=upto),
            limit,
        )
        while part := b"".join(islice(lines, LEDGER_LINES)):
            await response.write(part)
            await asyncio.sleep(0)
        await response.write_eof()
        return response

    async def status(self, _: web.Request) -> web.Response:
        """Return the status document."""
        return _json(self._simulator.status())

    async def _restart(self, request: web.Request, *, crash: bool) -> web.Response:
        body = await _body(request, RestartRequest)
        timetable = Timetable(
            stopping=0.0 if crash else body.stopping_seconds,
            down=body.down_seconds,
            history=body.history_seconds,
            starting=body.starting_seconds,
            entities=body.entities_seconds,
            running=body.running_seconds,
        )
        problems = timetable.problems()
        if problems:
            raise ControlError(400, "bad_timetable", "; ".join(problems))
        _require(body.batch > 0, "batch", "positive")
        if self._simulator.restarting:
            raise ControlError(409, "restarting", "a restart is under way")
        before = self._home.recorder.lost
        done = self._simulator.restart(timetable, batch=body.batch, crash=crash)
        if body.wait:
            await done.wait()
        steps = [
            {"after": after, "step": str(step)} for after, step in timetable.steps()
        ]
        lost = self._home.recorder.lost - before
        return _json({"steps": steps, "recorder_rows_lost": lost})

    def _event(self, entity_id: str, serial: int | None) -> dict[str, Any]:
        if serial is None:
            return {"entity_id": entity_id, "serial": None}
        row = self._home.journal.row(serial)
        return {
            "entity_id": entity_id,
            "serial": serial,
            "last_updated_us": row.updated_us,
        }


def _wanted(change: Change, shape: int) -> Wanted:
    _require(valid_entity_id(change.entity_id), "entity_id", "domain.object_id")
    updated_us = change.last_updated_us
    if change.last_updated is not None:
        updated_us = parse(change.last_updated)
        _require(updated_us is not None, "last_updated", "an ISO 8601 time")
    attributes = dict(change.attributes)
    if change.unit is not None:
        attributes["unit_of_measurement"] = change.unit
    return Wanted(
        entity_id=change.entity_id,
        state=change.state,
        attributes=attributes,
        shape=shape,
        updated_us=updated_us,
        record=change.record,
        stamp=change.stamp,
        force=change.force,
    )


def _check_generated(body: BurstRequest | RateRequest) -> None:
    _require(1 <= body.entities <= MAX_ENTITIES, "entities", f"1 to {MAX_ENTITIES}")
    _require(0 <= body.payload_bytes <= MAX_BYTES, "payload_bytes", f"0 to {MAX_BYTES}")
    _require(valid_entity_id(f"{body.prefix}_0"), "prefix", "domain.name")


def _require(condition: object, name: str, what: str) -> None:
    if not condition:
        raise ControlError(400, "bad_request", f"{name} must be {what}")


def _integer(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError as err:
        raise ControlError(400, "bad_request", f"{name} must be an integer") from err


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError as err:
        raise ControlError(400, "bad_request", f"{name} must be a number") from err


async def _body(request: web.Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.DecodeError as err:
        raise ControlError(400, "bad_request", str(err)) from err


def _json(document: dict[str, Any], *, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(document),
        status=status,
        content_type="application/json",
    )


def _problem(status: int, code: str, message: str) -> web.Response:
    return _json({"error": {"code": code, "message": message}}, status=status)

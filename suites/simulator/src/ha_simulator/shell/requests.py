"""The bodies of control requests: unknown fields are errors, defaults are here."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from ..load.schedule import Profile

MAX_BYTES: Final = 64 << 20
"""Largest padding or body that is accepted, in bytes."""
MAX_ENTITIES: Final = 1_000_000
MAX_OFFSETS: Final = 100_000
"""Events of a trace that one request may carry."""


class ControlRequest(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Base of all control requests."""


class Change(ControlRequest, frozen=True):
    """One state to set; `last_updated` or `last_updated_us` override the clock."""

    entity_id: str
    state: str
    attributes: dict[str, Any] = {}
    unit: str | None = None
    last_updated: str | None = None
    last_updated_us: int | None = None
    record: bool = True
    stamp: bool = True
    force: bool = False


class EmitRequest(ControlRequest, frozen=True):
    """`POST /_script/emit`."""

    changes: list[Change]
    run_id: str = "emit"


class BurstRequest(ControlRequest, frozen=True):
    """`POST /_script/burst`: *n* events over *entities* entities in one loop turn."""

    n: int
    entities: int = 100
    run_id: str = "burst"
    prefix: str = "sensor.sim"
    unit: str | None = "W"
    payload_bytes: int = 0
    record: bool = True


class Timed(StrEnum):
    """Which time an event of a load carries as `last_updated`, its key."""

    EMITTED = "emitted"
    INTENDED = "intended"


class RateRequest(ControlRequest, frozen=True):
    """`POST /_script/rate`: without `seconds` and `count` until it is stopped.

    `period` is that of `burst`, `diurnal` and a `trace`, in seconds; `offsets` are a
    trace's. `entity_growth` new entities a minute take the place of older ones.
    """

    rate: float
    seconds: float | None = None
    count: int | None = None
    entities: int = 100
    entity_growth: float = 0.0
    profile: Profile = Profile.CONSTANT
    period: float = 60.0
    offsets: list[float] = []
    run_id: str = "rate"
    prefix: str = "sensor.sim"
    unit: str | None = "W"
    payload_bytes: int = 0
    seed: int = 1
    record: bool = True
    timed: Timed = Timed.EMITTED


class StopRequest(ControlRequest, frozen=True):
    """`POST /_script/stop`: one job, or all."""

    job: int | None = None


class RemoveRequest(ControlRequest, frozen=True):
    """`POST /_script/remove`."""

    entity_ids: list[str]
    run_id: str = "remove"


class RestartRequest(ControlRequest, frozen=True):
    """`POST /_script/restart` and `/_script/kill`; see `world.boot.Timetable`.

    `batch` entities come back in one loop turn; `wait` answers only when RUNNING.
    """

    stopping_seconds: float = 0.0
    down_seconds: float = 1.0
    history_seconds: float = 0.5
    starting_seconds: float = 0.2
    entities_seconds: float = 0.7
    running_seconds: float = 1.0
    batch: int = 1_000
    wait: bool = False


class ConnectionRequest(ControlRequest, frozen=True):
    """`POST /_script/cut` and `/_script/half_open`: one connection, or all."""

    connection: int | None = None


class AuthRequest(ControlRequest, frozen=True):
    """`POST /_script/auth`: the token that is valid from now on, null for none."""

    token: str | None


class PoisonRequest(ControlRequest, frozen=True):
    """`POST /_script/poison`: one event with attributes of at least *bytes* bytes."""

    bytes: int
    entity_id: str = "sensor.poison"
    state: str = "poison"
    run_id: str = "poison"


class RecorderRequest(ControlRequest, frozen=True):
    """`POST /_script/recorder`: what is null stays as it is."""

    commit_seconds: float | None = None
    history_loaded: bool | None = None

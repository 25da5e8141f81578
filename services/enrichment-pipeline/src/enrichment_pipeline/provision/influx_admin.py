"""The calls of InfluxDB's management API that setting it up needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from enrichment_pipeline.errors import ProvisionError, ProvisionLater

__all__ = [
    "REFUSED_EXIT_CODE",
    "UNAUTHORIZED_EXIT_CODE",
    "Authorization",
    "Bucket",
    "InfluxAdmin",
    "Organisation",
    "Permission",
    "Resource",
    "RetentionRule",
    "Setup",
    "retention_rule",
]

REFUSED_EXIT_CODE: Final = 1
UNAUTHORIZED_EXIT_CODE: Final = 3
_TIMEOUT_SECONDS: Final = 15.0
_SERVER_ERRORS: Final = 500
_BUSY: Final = frozenset({408, 429})
_HOUR: Final = 3_600
_DAY: Final = 24 * _HOUR

T = TypeVar("T")


class Setup(Struct):
    """Whether InfluxDB is still to be set up."""

    allowed: bool


class Organisation(Struct):
    """An organisation."""

    id: str
    name: str


class RetentionRule(Struct, rename="camel"):
    """For how long a bucket keeps its points; 0 is for ever."""

    every_seconds: int = 0


class Bucket(Struct, rename="camel"):
    """A bucket."""

    id: str
    name: str
    retention_rules: list[RetentionRule] = []

    @property
    def retention_seconds(self) -> int:
        """The retention; 0 keeps data for ever."""
        return self.retention_rules[0].every_seconds if self.retention_rules else 0


class Resource(Struct):
    """What a permission is about."""

    type: str
    id: str = ""


class Permission(Struct):
    """One thing that a token may do."""

    action: str
    resource: Resource


class Authorization(Struct):
    """A token with what it may do; InfluxDB 2.7 shows it to the operator."""

    id: str
    token: str
    status: str
    description: str = ""
    permissions: list[Permission] = []


class _Organisations(Struct):
    orgs: list[Organisation] = []


class _Buckets(Struct):
    buckets: list[Bucket] = []


class _Authorizations(Struct):
    authorizations: list[Authorization] = []


class _Problem(Struct):
    code: str = ""
    message: str = ""


class InfluxAdmin:
    """Speaks to one InfluxDB with the operator's token."""

    def __init__(
        self, session: aiohttp.ClientSession, *, url: str, operator_token: str
    ) -> None:
        self._session = session
        self._url = url
        self._headers = {"Authorization": f"Token {operator_token}"}

    async def setup_allowed(self) -> bool:
        """Return whether nobody has set up this InfluxDB yet."""
        body = await self._ask("GET", "/api/v2/setup", authorized=False)
        return _decode(body, Setup).allowed

    async def set_up(self, answers: Mapping[str, object]) -> None:
        """Create the first user, organisation, bucket and the operator's token."""
        await self._ask("POST", "/api/v2/setup", json=answers, authorized=False)

    async def organisation(self, name: str) -> Organisation | None:
        """Return the organisation of that name."""
        body = await self._ask(
            "GET", "/api/v2/orgs", params={"org": name}, absent=b"{}"
        )
        found = _decode(body, _Organisations).orgs
        return next((one for one in found if one.name == name), None)

    async def create_organisation(self, name: str) -> Organisation:
        """Create an organisation."""
        body = await self._ask("POST", "/api/v2/orgs", json={"name": name})
        return _decode(body, Organisation)

    async def bucket(self, org_id: str, name: str) -> Bucket | None:
        """Return the bucket of that name."""
        body = await self._ask(
            "GET",
            "/api/v2/buckets",
            params={"orgID": org_id, "name": name},
            absent=b"{}",
        )
        found = _decode(body, _Buckets).buckets
        return next((one for one in found if one.name == name), None)

    async def create_bucket(self, org_id: str, name: str, seconds: int) -> Bucket:
        """Create a bucket with a retention."""
        rules = [retention_rule(seconds)]
        body = await self._ask(
            "POST",
            "/api/v2/buckets",
            json={"orgID": org_id, "name": name, "retentionRules": rules},
        )
        return _decode(body, Bucket)

    async def set_retention(self, bucket_id: str, seconds: int) -> None:
        """Change the retention of a bucket."""
        rules = {"retentionRules": [retention_rule(seconds)]}
        await self._ask("PATCH", f"/api/v2/buckets/{bucket_id}", json=rules)

    async def authorizations(self, org_id: str) -> list[Authorization]:
        """Return all tokens of an organisation."""
        body = await self._ask(
            "GET", "/api/v2/authorizations", params={"orgID": org_id}, absent=b"{}"
        )
        return _decode(body, _Authorizations).authorizations

    async def authorize(
        self, org_id: str, bucket_id: str, action: str, description: str
    ) -> Authorization:
        """Create a token that may do one thing to one bucket."""
        resource = {"type": "buckets", "id": bucket_id, "orgID": org_id}
        body = await self._ask(
            "POST",
            "/api/v2/authorizations",
            json={
                "orgID": org_id,
                "description": description,
                "permissions": [{"action": action, "resource": resource}],
            },
        )
        return _decode(body, Authorization)

    async def revoke(self, authorization_id: str) -> None:
        """Delete a token, if it still exists."""
        path = f"/api/v2/authorizations/{authorization_id}"
        await self._ask("DELETE", path, absent=b"")

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        json: object = None,
        authorized: bool = True,
        absent: bytes | None = None,
    ) -> bytes:
        request: dict[str, Any] = {"params": params}
        if json is not None:
            request["json"] = json
        if authorized:
            request["headers"] = self._headers
        try:
            async with self._session.request(
                method,
                f"{self._url}{path}",
                timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
                allow_redirects=False,
                **request,
            ) as answer:
                body = await answer.read()
        except TimeoutError as err:
            cause = f"no answer within {_TIMEOUT_SECONDS:g} s"
            raise ProvisionLater(self._url, cause) from err
        except (aiohttp.ClientError, OSError) as err:
            raise ProvisionLater(self._url, str(err) or type(err).__name__) from err
        match answer.status:
            case 200 | 201 | 204:
                return body
            case 404 if absent is not None:
                return absent
            case 401 | 403:
                raise ProvisionError(
                    "INFLUXDB_ADMIN_TOKEN: InfluxDB was set up before and refuses this "
                    "token; fix: put back the token of the first set-up, or remove the "
                    "volume of InfluxDB to start anew without its data",
                    UNAUTHORIZED_EXIT_CODE,
                )
            case status if status >= _SERVER_ERRORS or status in _BUSY:
                raise ProvisionLater(self._url, _describe(status, body))
            case status:
                raise ProvisionError(
                    f"INFLUXDB_URL: {method} {path} at {self._url}: "
                    f"{_describe(status, body)}",
                    REFUSED_EXIT_CODE,
                )


def retention_rule(seconds: int) -> dict[str, object]:
    """Return a retention with the shard duration that InfluxDB would choose for it.

    InfluxDB refuses to shorten a retention below the present shard duration unless
    both are given.
    """
    if 0 < seconds < 2 * _DAY:
        shard = _HOUR
    elif 0 < seconds < 180 * _DAY:
        shard = _DAY
    else:
        shard = 7 * _DAY
    return {
        "type": "expire",
        "everySeconds": seconds,
        "shardGroupDurationSeconds": shard,
    }


def _decode(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as err:
        raise ProvisionError(
            f"INFLUXDB_URL: the answer is not InfluxDB's: {err}; fix: point it at "
            "InfluxDB 2.7",
            REFUSED_EXIT_CODE,
        ) from err


def _describe(status: int, body: bytes) -> str:
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        problem = _Problem(message=body[:200].decode("utf-8", "replace"))
    return f"answered {status} {problem.code}: {problem.message}"

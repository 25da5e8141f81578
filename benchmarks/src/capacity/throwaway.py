"""A database of its own for past days: the image and limits of the stack's, no data.

It compacts a shard whole soon after the last write, where a real one waits for hours.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import requests
from docker import DockerClient
from docker.errors import DockerException
from docker.models.containers import Container

from .calls import await_answer, call, call_json
from .cold import COLD_SECONDS
from .containers import LOOPBACK, PROJECT, variables_of
from .database import Database, HttpDatabase
from .errors import BadAnswer
from .model.disk import DAY, shard_seconds
from .names import DATABASE_FOLDER

__all__ = ["throwaway_database"]

PORT: Final = "8086/tcp"
SNAPSHOT_SECONDS: Final = 5
_ORG = _BUCKET = "throwaway"
_UP_SECONDS: Final = 60.0
_LIMITS: Final = {"Memory": "mem_limit", "NanoCpus": "nano_cpus"}


@contextmanager
def throwaway_database(
    engine: DockerClient, *, like: Container, project: str, retention_days: float
) -> Iterator[tuple[Database, float]]:
    """Start a database like the stack's; remove it and its data at the end.

    Args:
        engine: where it runs.
        like: the stack's database: image, limits and user.
        project: whose label it bears, so that nothing is left if this program dies.
        retention_days: of the stack's bucket; the length of shards follows from it.

    Raises:
        BadAnswer: it does not come up.
    """
    shard = shard_seconds(retention_days * DAY)
    host: dict[str, Any] = like.attrs["HostConfig"]
    config: dict[str, Any] = like.attrs["Config"]
    try:
        container = engine.containers.run(
            config["Image"],
            detach=True,
            entrypoint=["influxd"],
            user=config["User"],
            cap_drop=["ALL"],
            environment=_environment(variables_of(like)),
            labels={PROJECT: project},
            ports={PORT: (LOOPBACK, 0)},
            volumes=[DATABASE_FOLDER],
            stop_signal="SIGINT",
            **{ours: host[name] for name, ours in _LIMITS.items() if host.get(name)},
        )
    except (DockerException, requests.RequestException) as err:
        raise BadAnswer(
            "the engine, asked for a throw-away database", str(err)
        ) from err
    try:
        container.reload()
        place = container.attrs["NetworkSettings"]["Ports"][PORT][0]
        url = f"http://{LOOPBACK}:{place['HostPort']}"
        yield _set_up(url, shard), shard / DAY + 1
    finally:
        container.remove(v=True, force=True)


def _environment(found: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of the stack's database, with early compaction."""
    kept = {k: v for k, v in found.items() if k.startswith(("INFLUXD_", "GO"))}
    return {
        **kept,
        "INFLUXD_STORAGE_COMPACT_FULL_WRITE_COLD_DURATION": f"{COLD_SECONDS:g}s",
        "INFLUXD_STORAGE_CACHE_SNAPSHOT_WRITE_COLD_DURATION": f"{SNAPSHOT_SECONDS}s",
    }


def _set_up(url: str, shard: float) -> HttpDatabase:
    """Make organisation, bucket and token; data are kept for ever."""
    session = requests.Session()
    await_answer(session, f"{url}/ready", seconds=_UP_SECONDS)
    token = secrets.token_urlsafe(24)
    made = call_json(
        session,
        "POST",
        f"{url}/api/v2/setup",
        json={
            "username": "capacity",
            "password": secrets.token_urlsafe(24),
            "org": _ORG,
            "bucket": "unused",
            "token": token,
        },
    )
    session.headers["Authorization"] = f"Token {token}"
    rule = {
        "type": "expire",
        "everySeconds": 0,
        "shardGroupDurationSeconds": round(shard),
    }
    call(
        session,
        "POST",
        f"{url}/api/v2/buckets",
        json={"orgID": made["org"]["id"], "name": _BUCKET, "retentionRules": [rule]},
    )
    return HttpDatabase(
        url=url, org=_ORG, bucket=_BUCKET, token=token, read_token=token
    )

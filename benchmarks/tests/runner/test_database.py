"""A database by its port, and one that is thrown away: against answers made up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, cast

import pytest
from docker import DockerClient
from docker.errors import DockerException
from docker.models.containers import Container

from capacity.database import HttpDatabase
from capacity.errors import BadAnswer
from capacity.names import DATABASE_FOLDER
from capacity.throwaway import throwaway_database

METRICS = """\
storage_tsm_files_disk_bytes{id="1"} 3e+06
storage_tsm_files_disk_bytes{id="2"} 500000
storage_wal_size{id="1"} 200
storage_compactions_active{level="1"} 1
storage_compactions_queued{level="full"} 2
storage_compactions_duration_seconds_count{level="1"} 77
"""


class Served(BaseHTTPRequestHandler):
    """InfluxDB as far as it is asked; `refused` are the paths that it refuses."""

    asked: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []
    refused: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        """Answer a look."""
        self._answer(METRICS if self.path == "/metrics" else "{}")

    def do_POST(self) -> None:
        """Take what is sent."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.path, dict(self.headers), body))
        self._answer('{"org": {"id": "0a"}}')

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self, text: str) -> None:
        path = self.path.partition("?")[0]
        self.send_response(401 if path in self.refused else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def port() -> Iterator[int]:
    """Return the port of such a database."""
    Served.asked.clear()
    Served.refused.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Served) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def store(port: int) -> HttpDatabase:
    """Return the way into it."""
    return HttpDatabase(
        url=f"http://127.0.0.1:{port}",
        org="o",
        bucket="b",
        token="writes",
        read_token="reads",
    )


def test_lines_go_as_the_services_send_them(port: int) -> None:
    """In microseconds, with the token that may write, and not compressed."""
    store(port).write(b"state value=1.0 5")
    path, headers, body = Served.asked[0]

    assert path == "/api/v2/write?org=o&bucket=b&precision=us"
    assert headers["Authorization"] == "Token writes"
    assert "Content-Encoding" not in headers
    assert body == b"state value=1.0 5"


def test_lines_that_are_refused_are_told(port: int) -> None:
    """What is not stored is not counted."""
    Served.refused.add("/api/v2/write")
    with pytest.raises(BadAnswer, match="a write into InfluxDB: HTTP 401"):
        store(port).write(b"state value=1.0 5")


def test_files_are_summed_over_all_shards(port: int) -> None:
    """Compactions that are over do not count."""
    found = store(port).files()

    assert (found.data, found.log, found.compacting) == (3_500_000, 200, 3)


def test_no_metrics_are_no_empty_disk(port: int) -> None:
    """It is said instead."""
    Served.refused.add("/metrics")
    with pytest.raises(BadAnswer, match="HTTP 401"):
        store(port).files()


class Engine:
    """Runs one container that is the made-up database."""

    def __init__(self, port: int) -> None:
        self.containers = self
        self.attrs = {
            "NetworkSettings": {
                "Ports": {"8086/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
            }
        }
        self.asked: dict[str, Any] = {}
        self.removed: list[dict[str, bool]] = []
        self.broken = False

    def run(self, image: str, **kinds: Any) -> Engine:
        """Start it."""
        if self.broken:
            raise DockerException("no such image")
        self.asked = {"image": image, **kinds}
        return self

    def reload(self) -> None:
        """Find the same again."""

    def remove(self, **kinds: bool) -> None:
        """Note that it is removed."""
        self.removed.append(kinds)


class Like:
    """The stack's database."""

    attrs: ClassVar[dict[str, Any]] = {
        "Config": {
            "Image": "influxdb:1",
            "User": "1000:1000",
            "Env": ["INFLUXD_BOLT_PATH=/b", "GOMEMLIMIT=1MiB", "SECRET=s"],
        },
        "HostConfig": {"Memory": 5, "NanoCpus": 0},
    }


def thrown_away(engine: Engine, days: float = 365.0) -> Any:
    """Return a database like the stack's."""
    return throwaway_database(
        cast("DockerClient", engine),
        like=cast("Container", Like()),
        project="p",
        retention_days=days,
    )


def test_a_throw_away_database_is_like_the_stacks(port: int) -> None:
    """Image, user, limits and length of shards; it compacts early, and is removed."""
    engine = Engine(port)
    with thrown_away(engine) as (found, days_ago):
        found.write(b"x")
        assert not engine.removed
    bodies = {path.partition("?")[0]: body for path, _, body in Served.asked}
    rule = json.loads(bodies["/api/v2/buckets"])["retentionRules"][0]

    assert days_ago == 8.0
    assert rule["shardGroupDurationSeconds"] == 7 * 86_400
    assert engine.asked["image"] == "influxdb:1"
    assert engine.asked["user"] == "1000:1000"
    assert engine.asked["mem_limit"] == 5
    assert "nano_cpus" not in engine.asked
    assert engine.asked["volumes"] == [DATABASE_FOLDER]
    assert engine.asked["ports"] == {"8086/tcp": ("127.0.0.1", 0)}
    assert engine.asked["environment"] == {
        "INFLUXD_BOLT_PATH": "/b",
        "GOMEMLIMIT": "1MiB",
        "INFLUXD_STORAGE_COMPACT_FULL_WRITE_COLD_DURATION": "10s",
        "INFLUXD_STORAGE_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "5s",
    }
    assert engine.removed == [{"v": True, "force": True}]


def test_a_throw_away_database_is_removed_whatever_happens(port: int) -> None:
    """Also where it could not be set up, or what used it failed."""
    engine = Engine(port)
    with pytest.raises(KeyboardInterrupt), thrown_away(engine):
        raise KeyboardInterrupt
    Served.refused.add("/api/v2/setup")
    with pytest.raises(BadAnswer, match="HTTP 401"), thrown_away(engine):
        pass

    assert len(engine.removed) == 2


def test_an_engine_that_cannot_start_one_is_told(port: int) -> None:
    """As a problem of the measurement, not of the program."""
    engine = Engine(port)
    engine.broken = True
    with pytest.raises(BadAnswer, match="no such image"), thrown_away(engine):
        pass

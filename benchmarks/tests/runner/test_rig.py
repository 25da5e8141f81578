"""The stack's edge against answers of the services, without a stack."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any, cast

import pytest
import requests
from docker import DockerClient

from capacity.errors import BadAnswer
from capacity.stack_rig import StackRig

INGESTION = {
    "connection": {"phase": "streaming", "reconnects": 2},
    "events": {
        "received": 120,
        "forwarded": 110,
        "written": 100,
        "merged": 1,
        "dead_lettered": 3,
        "expired": 4,
        "pending": 10,
    },
    "spool": {"bytes": 4_000, "limit_bytes": 2_000_000},
    "gaps": {"open": 1, "closed": 2},
}
ENRICHMENT = {
    "events": {
        "written": 50,
        "merged": 1,
        "dead_lettered": 3,
        "expired": 4,
        "surplus": 9,
    }
}


class FakeSession:
    """Answers by the path of a URL; a path that is not there is 404."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def request(self, method: str, url: str, **_: Any) -> requests.Response:
        """Answer."""
        self.asked.append(f"{method} {url}")
        path = url.removeprefix("http://")
        answer = requests.Response()
        answer.status_code = 200 if path in self.answers else 404
        body = self.answers.get(path, "")
        body = body() if callable(body) else body
        answer._content = (body if isinstance(body, str) else json.dumps(body)).encode()
        return answer

    def get(self, url: str, **kinds: Any) -> requests.Response:
        """Answer a GET."""
        return self.request("GET", url, **kinds)

    def post(self, url: str, **kinds: Any) -> requests.Response:
        """Answer a POST."""
        return self.request("POST", url, **kinds)


class FakeContainer:
    """A container whose ports are published at a host of its own name."""

    def __init__(self, service: str, **labels: str) -> None:
        self.labels = {"com.docker.compose.project": "p", **labels}
        if service:
            self.labels["com.docker.compose.service"] = service
        places = {
            f"{port}/tcp": [{"HostIp": service, "HostPort": str(port)}]
            for port in (8001, 8002, 8086, 8123)
        }
        self.attrs = {"NetworkSettings": {"Ports": places if service else {}}}

        self.done: list[str] = []

    def reload(self) -> None:
        """Find the same again."""

    def stop(self, **_: Any) -> None:
        """Note it."""
        self.done.append("stop")

    def start(self) -> None:
        """Note it."""
        self.done.append("start")


class FakeEngine:
    """An engine with the services of a project and the container of a calibration."""

    def __init__(self, *services: str) -> None:
        self.containers = self
        self._rows = [FakeContainer(service) for service in (*services, "")]

    def list(self, **_: Any) -> list[FakeContainer]:
        """Return all containers."""
        return self._rows

    def named(self, service: str) -> FakeContainer:
        """Return the container of a service."""
        label = "com.docker.compose.service"
        return next(row for row in self._rows if row.labels.get(label) == service)


def rig(answers: dict[str, Any]) -> StackRig:
    """Return the edge to a stack of these answers."""
    engine = FakeEngine(
        "websocket-ingestion", "enrichment-pipeline", "influxdb", "home-assistant"
    )
    return StackRig(
        engine=cast("DockerClient", engine),
        project="p",
        settings={"INFLUXDB_BUCKET": "b", "INFLUXDB_ORG": "o"},
        read_token="t",
        session=cast("requests.Session", FakeSession(answers)),
    )


def test_counts_of_both_services_are_read() -> None:
    """Enrichment knows the end of events first, ingestion remembers all."""
    found = rig(
        {
            "websocket-ingestion:8001/v1/stats": INGESTION,
            "enrichment-pipeline:8002/v1/stats": ENRICHMENT,
        }
    ).counts()
    assert (found.done, found.written, found.rejected, found.merged) == (58, 100, 7, 1)
    assert (found.received, found.pending, found.reconnects) == (120, 10, 2)
    assert (found.spool_bytes, found.spool_limit) == (4_000, 2_000_000)
    assert found.open_gaps == 1


@pytest.mark.parametrize("answer", [{}, {"events": {}}, "no JSON"])
def test_another_answer_of_a_service_is_said(answer: Any) -> None:
    """A figure that is not there must not be 0."""
    stack = rig(
        {
            "websocket-ingestion:8001/v1/stats": answer,
            "enrichment-pipeline:8002/v1/stats": ENRICHMENT,
        }
    )
    with pytest.raises(BadAnswer):
        stack.counts()


def test_a_service_that_is_down_is_said() -> None:
    """Which one, and what it answered."""
    with pytest.raises(BadAnswer, match=r"websocket-ingestion.*HTTP 404"):
        rig({}).counts()


def test_the_database_tells_series_and_compactions() -> None:
    """By its metrics."""
    metrics = (
        'storage_bucket_series_num{bucket="a"} 30\n'
        'storage_bucket_series_num{bucket="b"} 4\n'
        'storage_compactions_duration_seconds_count{level="1"} 5\n'
    )
    stack = rig(
        {
            "influxdb:8086/metrics": metrics,
        }
    )
    assert stack.series() == 34
    assert stack.compactions() == 5


def test_a_database_without_metrics_is_said() -> None:
    """No compaction seen is something else than nobody there to ask."""
    with pytest.raises(BadAnswer, match="metrics: HTTP 404"):
        rig({}).compactions()


def test_the_source_is_reached_by_its_port() -> None:
    """Its control is where its clients are."""
    assert rig({}).source_url == "http://home-assistant:8123"


def test_a_reader_takes_the_place_of_ingestion() -> None:
    """Ingestion is stopped before it reads, and there again afterwards.

    Then it reads from the history what it missed, which must not count as new.
    """
    gaps = [(0, 1), (0, 1), (1, 1), (0, 2), (0, 2)]
    stack = rig(
        {
            "websocket-ingestion:8001/v1/stats": lambda: {
                "gaps": dict(zip(("open", "closed"), gaps.pop(0), strict=True))
            },
            "websocket-ingestion:8001/ready": {},
            "enrichment-pipeline:8002/ready": {},
            "influxdb:8086/ready": {},
        }
    )
    engine = cast("FakeEngine", stack.engine)
    ingestion = engine.named("websocket-ingestion")
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        engine.named("home-assistant").attrs["NetworkSettings"]["Ports"]["8123/tcp"] = [
            {"HostIp": host, "HostPort": str(port)}
        ]
        source = threading.Thread(target=_one_reader, args=(server,))
        source.start()
        with stack.reading_alone() as read:
            assert ingestion.done == ["stop"]
            source.join()
            looks = read()

    assert ingestion.done == ["stop", "start"]
    assert gaps == [(0, 2)]
    assert [count for _, count in looks] == [2]


def _one_reader(server: socket.socket) -> None:
    """Let one reader subscribe, and send it two events."""
    client, _ = server.accept()
    with client:
        client.sendall(b'auth_required auth_ok "id":2')
        heard = b""
        while b"subscribe_events" not in heard:
            heard += client.recv(1_024)
        client.sendall(b'{"event_type":"state_changed"}' * 2)
        # Until the reader has everything: it shuts its own side at the end.
        client.shutdown(socket.SHUT_WR)
        while client.recv(1_024):
            pass

"""What the routes answer when the neighbours do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from admin_api.api import ServiceReport, worst

if TYPE_CHECKING:
    from conftest import Stack, Start

HEADER = ",result,table,_time,domain,entity_id,attrs,last_changed,state,unit,value\r\n"


def csv(*seconds: int) -> str:
    """Return the answer to an event query, one event per second."""
    rows = (
        f",_result,0,2026-11-23T14:47:{second:02}.5Z,sensor,sensor.a,"
        f'"{{""n"":{second}}}",1795445276000000,{second},W,{second}\r\n'
        for second in seconds
    )
    return HEADER + "".join(rows) + "\r\n"


@pytest.mark.asyncio
async def test_services_show_health_and_resources(stack: Stack) -> None:
    """Each service with what it says of itself, the admin API among them."""
    status, answer = await stack.get("services")

    names = [one["name"] for one in answer["services"]]
    ingestion = answer["services"][0]
    own = answer["services"][-1]
    assert status == 200
    assert names == [
        "websocket-ingestion",
        "enrichment-pipeline",
        "influxdb",
        "admin-api",
    ]
    assert ingestion["status"] == "degraded"
    assert ingestion["reasons"][0]["code"] == "auth_invalid"
    assert ingestion["resources"]["memory_limit_bytes"] == 268_435_456
    assert own["resources"]["memory_bytes"] > 0
    assert answer["status"] == "degraded"


@pytest.mark.asyncio
async def test_health_names_status_and_reasons(stack: Stack) -> None:
    """The health of the stack is the worst of its services."""
    status, answer = await stack.get("health")

    assert (status, answer["status"]) == (200, "degraded")
    assert answer["services"][0]["reasons"][0]["detail"].startswith("Home Assistant")


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["ready", "ready"], "ready"),
        (["ready", "degraded"], "degraded"),
        (["starting", "degraded"], "starting"),
        (["failing", "ready"], "failing"),
        (["ready", "unreachable"], "failing"),
        (["ready", "what is this"], "failing"),
    ],
)
def test_worst_status_counts(statuses: list[str], expected: str) -> None:
    """What is not known to be well is not well."""
    reports = [ServiceReport(name="x", status=status) for status in statuses]

    assert worst(reports) == expected


@pytest.mark.asyncio
async def test_stats_carry_the_verdict(stack: Stack) -> None:
    """The services' own counts, and whether they add up."""
    _, well = await stack.get("stats")
    stats: Any = stack.ingestion.answers["/v1/stats"]
    lost = stats | {"events": stats["events"] | {"written": 79}}
    stack.ingestion.answers["/v1/stats"] = lost
    _, ill = await stack.get("stats")

    assert well["reconciled"] is True
    assert well["services"]["websocket-ingestion"]["spool"]["bytes"] == 4096
    assert well["services"]["enrichment-pipeline"]["events"] == {"written": 80}
    assert ill["reconciled"] is False
    assert ill["reconciliation"]["forwarded_less_accounted"] == 1


@pytest.mark.asyncio
async def test_config_is_redacted(stack: Stack) -> None:
    """Every service's settings are shown; our own secrets are not."""
    _, answer = await stack.get("config")

    own = answer["services"]["admin-api"]
    assert own["INFLUXDB_BUCKET"] == "ha"
    assert own["ADMIN_TOKEN"] == own["INFLUXDB_TOKEN"] == "**********"
    assert answer["services"]["websocket-ingestion"] == {"A": "1"}
    assert answer["services"]["enrichment-pipeline"] == {"B": "2"}
    assert "correct-horse" not in str(answer)
    assert "read-token" not in str(answer)


@pytest.mark.asyncio
async def test_events_are_read_from_influxdb(stack: Stack) -> None:
    """Rows become events, in the order of the query."""
    stack.influx.csv = csv(9, 8)

    status, answer = await stack.get("events?entity_id=sensor.a&minutes=5&limit=2")

    assert status == 200
    assert [one["state"] for one in answer["events"]] == ["9", "8"]
    first = answer["events"][0]
    assert first["time"] == "2026-11-23T14:47:09.500000+00:00"
    assert first["time_us"] == 1_795_445_229_500_000
    assert (first["value"], first["unit"]) == (9.0, "W")
    assert first["attributes"] == {"n": 9}
    (query,) = stack.influx.queries
    assert "range(start: -1m" in query
    assert 'entity_id == "sensor.a"' in query


@pytest.mark.asyncio
async def test_events_are_looked_for_further_back_until_there_are_enough(
    stack: Stack,
) -> None:
    """With too few events the whole time that was asked for is searched."""
    stack.influx.csv = csv(9)

    _, answer = await stack.get("events?minutes=60&limit=5")

    assert len(answer["events"]) == 1
    starts = [
        query.split("start: -")[1].split(",")[0] for query in stack.influx.queries
    ]
    assert starts == ["1m", "8m", "60m"]


@pytest.mark.asyncio
async def test_no_events_are_an_empty_list(stack: Stack) -> None:
    """InfluxDB answers nothing at all when there is nothing."""
    stack.influx.csv = "\r\n"

    assert await stack.get("events?minutes=1") == (200, {"events": []})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("minutes=x", "minutes"),
        ("minutes=10081", "minutes"),
        ("entity_id=a%22b", "entity_id"),
        ("entity=sensor.a", "entity"),
    ],
)
async def test_bad_parameter_is_named_and_asks_nobody(
    stack: Stack, query: str, name: str
) -> None:
    """The answer names the parameter; InfluxDB hears nothing of it."""
    status, answer = await stack.get(f"events?{query}")

    assert (status, answer["error"]["code"]) == (400, "bad_parameter")
    assert answer["error"]["message"].startswith(f"{name}: ")
    assert stack.influx.queries == []


@pytest.mark.asyncio
async def test_route_without_parameters_takes_none(stack: Stack) -> None:
    """A parameter that would change nothing is refused rather than ignored."""
    status, answer = await stack.get("stats?limit=5")

    assert (status, answer["error"]["code"]) == (400, "bad_parameter")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"influxdb_url": "http://127.0.0.1:1"}, "influxdb_unreachable"),
        ({"influxdb_token": "wrong"}, "influxdb_unauthorized"),
    ],
)
async def test_events_without_influxdb_are_a_503(
    start: Start, changes: dict[str, str], code: str
) -> None:
    """What only InfluxDB knows cannot be answered without it; the code says why."""
    stack: Stack = await start(**changes)

    status, answer = await stack.get("events")

    assert (status, answer["error"]["code"]) == (503, code)


@pytest.mark.asyncio
async def test_dead_letters_come_from_the_pipeline(stack: Stack) -> None:
    """Limit and cursor are passed on, the page comes back as it is."""
    status, answer = await stack.get(f"deadletters?limit=7&after={'a' * 24}")

    assert status == 200
    assert answer == stack.enrichment.answers["/v1/deadletters"]
    assert stack.enrichment.asked == [f"/v1/deadletters?limit=7&after={'a' * 24}"]


@pytest.mark.asyncio
async def test_unknown_cursor_is_a_bad_parameter_here_too(stack: Stack) -> None:
    """The refusal of the pipeline keeps its name."""
    error = {"code": "bad_parameter", "message": "after: no record has this id"}
    stack.enrichment.answers["/v1/deadletters"] = {"error": error}
    stack.enrichment.status = 400

    status, answer = await stack.get(f"deadletters?after={'a' * 24}")

    assert (status, answer["error"]) == (400, error)


@pytest.mark.asyncio
async def test_dead_letters_without_the_pipeline_are_a_503(start: Start) -> None:
    """The code names who does not answer."""
    stack: Stack = await start(enrichment_url="http://127.0.0.1:1")

    status, answer = await stack.get("deadletters")

    assert status == 503
    assert answer["error"]["code"] == "enrichment_pipeline_unreachable"


@pytest.mark.asyncio
async def test_gaps_come_from_ingestion(stack: Stack) -> None:
    """The limit is passed on, the list comes back as it is."""
    status, answer = await stack.get("gaps?limit=7")

    assert (status, answer["gaps"][0]["id"]) == (200, 7)
    assert stack.ingestion.asked == ["/v1/gaps?limit=7"]


@pytest.mark.asyncio
@pytest.mark.parametrize("wish", [{}, {"ids": []}, {"ids": ["a" * 24, "b" * 24]}])
async def test_retry_is_passed_on_to_the_pipeline(
    stack: Stack, wish: dict[str, Any]
) -> None:
    """The wish arrives as it was said, the counts come back."""
    status, answer = await stack.post("deadletters/retry", json.dumps(wish).encode())

    assert (status, answer["stored"], answer["refused"]) == (200, 1, 2)
    assert stack.enrichment.asked == ["/v1/deadletters/retry"]
    assert stack.enrichment.told == [wish]


@pytest.mark.asyncio
async def test_replay_is_passed_on_to_ingestion(stack: Stack) -> None:
    """It has begun when the answer comes: 202."""
    stack.ingestion.status = 202
    wish = {"since": "2026-11-23T14:40:00Z"}

    status, answer = await stack.post("replay", json.dumps(wish).encode())

    assert (status, answer["replay"]["events"]) == (202, 5)
    assert stack.ingestion.told == [wish]


POSTS = [("deadletters/retry", b"{}"), ("replay", b'{"since":"2026-11-23T14:40:00Z"}')]


@pytest.mark.asyncio
@pytest.mark.parametrize(("path", "body"), POSTS)
async def test_wish_without_the_token_reaches_nobody(
    stack: Stack, path: str, body: bytes
) -> None:
    """A page of another origin cannot set the header, whatever it posts."""
    status, answer = await stack.post(path, body, token=None)

    assert (status, answer["error"]["code"]) == (401, "unauthorized")
    assert stack.enrichment.asked == stack.ingestion.asked == []


@pytest.mark.asyncio
@pytest.mark.parametrize(("path", "body"), POSTS)
async def test_wish_that_cannot_be_done_now_is_a_503(
    stack: Stack, path: str, body: bytes
) -> None:
    """The code names the service, the message its reason."""
    error = {"error": {"code": "influxdb_unreachable", "message": "it is away"}}
    for service in (stack.enrichment, stack.ingestion):
        service.status = 503
        service.answers = dict.fromkeys(service.answers, error)

    status, answer = await stack.post(path, body)

    assert (status, answer["error"]["code"][-9:]) == (503, "_unusable")
    assert "it is away" in answer["error"]["message"]


@pytest.mark.asyncio
@pytest.mark.parametrize(("path", "body"), POSTS)
async def test_neighbour_that_is_away_is_a_503(
    start: Start, path: str, body: bytes
) -> None:
    """As for every other question."""
    away = "http://127.0.0.1:1"
    stack: Stack = await start(ingestion_url=away, enrichment_url=away)

    status, answer = await stack.post(path, body)

    assert (status, answer["error"]["code"][-12:]) == (503, "_unreachable")


@pytest.mark.asyncio
@pytest.mark.parametrize(("path", "body"), POSTS)
async def test_refused_wish_keeps_its_reason(
    stack: Stack, path: str, body: bytes
) -> None:
    """What the service finds wrong is told to who asked."""
    error = {"error": {"code": "bad_parameter", "message": "since: is too old"}}
    for service in (stack.enrichment, stack.ingestion):
        service.status = 400
        service.answers = dict.fromkeys(service.answers, error)

    status, answer = await stack.post(path, body)

    assert (status, answer["error"]["message"]) == (400, "since: is too old")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("deadletters/retry", b"", "body"),
        ("deadletters/retry", b'{"ids":["x"]}', "body"),
        ("deadletters/retry?limit=1", b"{}", "limit"),
        ("replay", b"{}", "body"),
        ("replay", b'{"since":"yesterday"}', "since"),
        ("replay", b'{"since":"2026-11-23T14:40:00"}', "since"),
    ],
)
async def test_unusable_wish_is_named_and_asks_nobody(
    stack: Stack, path: str, body: bytes, name: str
) -> None:
    """A slip starts nothing."""
    status, answer = await stack.post(path, body)

    assert (status, answer["error"]["code"]) == (400, "bad_parameter")
    assert answer["error"]["message"].startswith(f"{name}: ")
    assert stack.enrichment.asked == stack.ingestion.asked == []


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("POST", "/api/v1/stats", 405),
        ("GET", "/api/v1/replay", 405),
    ],
)
async def test_every_error_is_json(
    stack: Stack, method: str, path: str, status: int
) -> None:
    """Unknown paths and methods have the same shape of error."""
    async with stack.session.request(method, f"{stack.url}{path}") as answer:
        body = await answer.json()

    assert answer.status == status
    assert sorted(body["error"]) == ["code", "message"]

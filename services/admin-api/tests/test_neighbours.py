"""What neighbours answer, and what is made of those that do not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Stack, Start

NOWHERE = "http://127.0.0.1:1"


def by_name(answer: Any) -> dict[str, Any]:
    """Return the services of an answer by name."""
    return {one["name"]: one for one in answer["services"]}


@pytest.mark.asyncio
async def test_services_are_asked_at_the_same_time(stack: Stack) -> None:
    """A slow neighbour does not add to the time of the others."""
    stack.ingestion.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(stack.get("stats"))
        while not stack.enrichment.asked:
            await stack.session.get(f"{stack.url}/health")
        stack.ingestion.gate.set()

    assert answer.result()[0] == 200
    assert stack.ingestion.asked == stack.enrichment.asked == ["/v1/stats"]


@pytest.mark.asyncio
async def test_unreachable_neighbours_are_part_of_the_answer(start: Start) -> None:
    """With everything away each service has a status and a cause, and it is a 200."""
    stack: Stack = await start(
        ingestion_url=NOWHERE, enrichment_url=NOWHERE, influxdb_url=NOWHERE
    )

    status, services = await stack.get("services")
    _, health = await stack.get("health")
    _, stats = await stack.get("stats")
    _, config = await stack.get("config")

    found = by_name(services)
    away = ["enrichment-pipeline", "influxdb", "websocket-ingestion"]
    assert status == 200
    assert sorted(one for one in found if found[one]["status"] == "unreachable") == away
    assert all("127.0.0.1" in found[name]["cause"] for name in away)
    assert services["status"] == health["status"] == "failing"
    assert stats["reconciled"] is stats["reconciliation"] is None
    assert stats["services"]["websocket-ingestion"]["status"] == "unreachable"
    assert config["services"]["enrichment-pipeline"]["status"] == "unreachable"


@pytest.mark.asyncio
async def test_silent_neighbour_is_given_up(start: Start) -> None:
    """The time for an answer is bounded, and the cause says so."""
    stack: Stack = await start(admin_timeout_seconds=0.1)
    stack.ingestion.gate.clear()

    status, answer = await stack.get("services")

    ingestion = by_name(answer)["websocket-ingestion"]
    assert status == 200
    assert ingestion["status"] == "unreachable"
    assert ingestion["cause"] == "no answer within 0.1 s"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (200, b"<html>", "HTTP 200, JSON is malformed"),
        (200, b"[1]", "HTTP 200, Expected `object`, got `array`"),
        (200, b'{"a":"\xff"}', "HTTP 200, 'utf-8' codec"),
        (500, b'{"error":{"code":"x","message":"broken"}}', "HTTP 500, broken"),
        (502, b"{}", "HTTP 502, no message"),
        (400, b"{}", "HTTP 400, no message"),
    ],
)
async def test_unusable_answer_has_a_cause(
    stack: Stack, status: int, body: bytes, cause: str
) -> None:
    """An answer that is no JSON object, or no 200, is shown with its reason."""
    stack.enrichment.answers["/v1/stats"] = body
    stack.enrichment.status = status

    _, answer = await stack.get("stats")

    shown = answer["services"]["enrichment-pipeline"]
    assert shown["status"] == "unusable"
    assert shown["cause"].startswith(cause)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("problem", "status"),
    [
        ((404, "not found", 'could not find bucket "ha"'), "not_found"),
        ((403, "forbidden", "forbidden"), "unauthorized"),
        ((500, "internal error", "panic"), "failing"),
    ],
)
async def test_influxdb_that_refuses_is_told_apart(
    stack: Stack, problem: tuple[int, str, str], status: str
) -> None:
    """Token, bucket and failure have statuses of their own."""
    stack.influx.problem = problem

    _, answer = await stack.get("services")

    influxdb = by_name(answer)["influxdb"]
    assert influxdb["status"] == status
    assert problem[2] in influxdb["cause"]


@pytest.mark.asyncio
async def test_influxdb_is_ready_when_it_reads_with_our_token(stack: Stack) -> None:
    """Its version is shown; a wrong token would be seen."""
    _, well = await stack.get("services")
    stack.influx.token = "rotated"
    _, ill = await stack.get("services")

    assert by_name(well)["influxdb"]["status"] == "ready"
    assert by_name(well)["influxdb"]["version"] == "v2.7.12"
    assert by_name(ill)["influxdb"]["status"] == "unauthorized"

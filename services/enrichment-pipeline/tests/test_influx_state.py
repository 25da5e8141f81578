"""InfluxDB's answers become health reasons and codes of refusals."""

from __future__ import annotations

import pytest

from enrichment_pipeline.errors import Unavailable
from enrichment_pipeline.influx_state import InfluxState, code_of, refusal
from servicekit.errors import InfluxUnreachable
from servicekit.health import STARTING, Health, Status
from servicekit.influx import Answer


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Unavailable.UNAUTHORIZED),
        (403, Unavailable.UNAUTHORIZED),
        (404, Unavailable.NOT_FOUND),
        (408, Unavailable.OVERLOADED),
        (429, Unavailable.OVERLOADED),
        (500, Unavailable.OVERLOADED),
        (503, Unavailable.OVERLOADED),
        (302, Unavailable.UNREACHABLE),
        (405, Unavailable.UNREACHABLE),
    ],
)
def test_status_has_a_code(status: int, code: Unavailable) -> None:
    """Each status that stores nothing is named."""
    assert code_of(status) is code


def test_refusal_waits_as_long_as_influxdb_asks() -> None:
    """Retry-After of InfluxDB goes before our own."""
    assert refusal(Unavailable.OVERLOADED, "busy").retry_after == 2.0
    assert refusal(Unavailable.OVERLOADED, "busy", 30.0).retry_after == 30.0


def codes(health: Health) -> list[str]:
    """Return the codes of the reasons that are set."""
    health.clear(STARTING)
    return [reason.code for reason in health.snapshot().reasons]


@pytest.mark.parametrize("status", [204, 400, 422])
def test_answer_about_lines_clears_every_cause(health: Health, status: int) -> None:
    """An InfluxDB that judges lines is there, and lets us in."""
    state = InfluxState(health)
    for bad in (401, 404, 500):
        state.answered(Answer(status=bad))
    state.unreachable(InfluxUnreachable("url", "refused"))

    state.answered(Answer(status=status, message="unable to parse 'x'"))

    assert codes(health) == []


@pytest.mark.parametrize("status", [400, 413])
def test_answer_that_may_be_a_proxys_tells_nothing(health: Health, status: int) -> None:
    """It neither clears a cause nor counts as a success."""
    state = InfluxState(health)
    state.answered(Answer(status=401))

    state.answered(Answer(status=status, message="<html>"))

    assert codes(health) == ["influxdb_unauthorized"]
    assert state.seconds_since_success == float("inf")


def test_refusal_of_everything_is_shown_until_a_success(health: Health) -> None:
    """A proxy that takes nothing is an outage."""
    state = InfluxState(health)

    state.refuses_all(Answer(status=400, message="no"))
    seen = codes(health)
    state.answered(Answer(status=204))

    assert (seen, codes(health)) == (["influxdb_overloaded"], [])


def test_one_cause_at_a_time(health: Health) -> None:
    """A new cause takes the place of the one before; all are degradations."""
    state = InfluxState(health)

    state.unreachable(InfluxUnreachable("http://influxdb:8086", "refused"))
    assert codes(health) == ["influxdb_unreachable"]
    state.answered(Answer(status=401, message="unauthorized access"))

    assert codes(health) == ["influxdb_unauthorized"]
    (reason,) = health.snapshot().reasons
    assert reason.status is Status.DEGRADED
    assert reason.detail == "InfluxDB answered 401: unauthorized access"


def test_age_of_the_last_success(health: Health) -> None:
    """Failures do not count as success; the clock is monotonic."""
    now = [100.0]
    state = InfluxState(health, monotonic=lambda: now[0])

    assert state.seconds_since_success == float("inf")
    state.answered(Answer(status=204))
    now[0] = 103.0
    state.answered(Answer(status=500))
    assert state.seconds_since_success == 3.0

"""Configuration: the files keep their promises, and wrong settings end in a clear word.

A missing neighbour is a named state, not a failed start.
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reference_stack import REPOSITORY, ReferenceStack, Variant
from reference_stack.promises import Promise, Proofs, assert_proven
from stackproof import (
    ComposeError,
    Health,
    State,
    wait_until,
)

pytestmark = pytest.mark.timeout(400)

VARIANTS = (Variant.PRODUCTION, Variant.DEVELOPMENT)
_COVERAGE = 95.0

NewStack = Callable[..., ReferenceStack]
INGESTION = "websocket-ingestion"
ENRICHMENT = "enrichment-pipeline"
_SECONDS = 60.0


def start(stack: ReferenceStack, *services: str) -> None:
    """Start some services without what they depend on."""
    stack.compose.up(*services, options=("--no-deps",))


def log_of_failed_start(stack: ReferenceStack, service: str) -> str:
    """Start one service, wait until it has ended with 2, and return its log."""
    start(stack, service)
    stack.recorder.wait_for(
        lambda event: event.service == service and event.exit_code == 2,
        timeout=_SECONDS,
    )
    log = stack.compose.logs(service)
    assert "Traceback" not in log
    return log


def await_stats(
    stack: ReferenceStack, wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Wait until ingestion's statistics are as wanted."""

    def up(seen: Any) -> bool:
        return any(
            row.service == INGESTION and row.health is Health.HEALTHY
            for row in seen.containers
        )

    wait_until(stack.look, up, timeout=_SECONDS)
    ingestion = stack.service(INGESTION)
    return wait_until(
        lambda: ingestion.get("/v1/stats"),
        wanted,
        timeout=_SECONDS,
        every=0.2,
    )


def names_reason(code: str) -> Callable[[dict[str, Any]], bool]:
    """Return the condition that a health reason is shown."""

    def named(seen: dict[str, Any]) -> bool:
        return code in {reason["code"] for reason in seen["reasons"]}

    return named


def is_streaming(seen: dict[str, Any]) -> bool:
    """Tell whether events come in from Home Assistant."""
    return bool(seen["connection"]["phase"] == "streaming")


@pytest.mark.promises("CONFIG", "SECURITY")
def test_configuration_keeps_its_promise(promise: Promise, proofs: Proofs) -> None:
    """The files are sound, and what they say about rights is true of the processes."""
    assert_proven(proofs.prove(promise))


@pytest.mark.parametrize("variant", VARIANTS)
def test_declared_keys_are_proven(proofs: Proofs, variant: Variant) -> None:
    """Nearly every key of the compose files is proven by some check."""
    plan = proofs.prepared.plan(variant)

    assert plan.coverage >= _COVERAGE, [str(entry) for entry in plan.not_covered]
    assert plan.unused_ignores == ()


@pytest.mark.parametrize("variable", ["HA_URL", "INFLUXDB_ORG", "INFLUXDB_BUCKET"])
def test_missing_variable_stops_the_start(new_stack: NewStack, variable: str) -> None:
    """Compose names the variable and the file, and creates nothing."""
    stack = new_stack()
    settings = {**stack.project.settings, variable: ""}
    compose = replace(stack.compose, environment=settings)

    with pytest.raises(ComposeError, match=rf"set {variable} in stack/\.env"):
        compose.up()
    assert stack.compose.ps() == ()


@pytest.mark.parametrize(
    ("service", "variable", "value", "problem"),
    [
        (INGESTION, "HA_URL", "http://10.0.0.1:8123", "ws:// or wss://"),
        (INGESTION, "HA_URL", "ws://your-ha-instance:8123/api", "placeholder"),
        (INGESTION, "HA_ACCESS_TOKEN", "your_production_token", "placeholder"),
        (INGESTION, "SPOOL_MAX_MB", "much", "integer"),
        (ENRICHMENT, "INFLUXDB_URL", "influxdb:8086", "http:// or https://"),
        (ENRICHMENT, "WEATHER_PROVIDER", "crystal-ball", "openweathermap"),
    ],
)
def test_malformed_setting_is_named(
    new_stack: NewStack, service: str, variable: str, value: str, problem: str
) -> None:
    """The service ends with 2 after one line: variable, what is wrong, fix, file."""
    log = log_of_failed_start(new_stack(**{variable: value}), service)

    lines = [line for line in log.splitlines() if f" {variable}: " in line]
    assert lines
    assert problem in lines[0]
    assert f"fix: set {variable} in stack/.env" in lines[0]


def test_empty_token_file_is_named(new_stack: NewStack) -> None:
    """Without a token the message names the file that it belongs into."""
    stack = new_stack()
    token = stack.project.secrets / "ha_access_token"
    token.chmod(0o644)
    token.write_text("", encoding="utf-8")
    token.chmod(0o444)

    log = log_of_failed_start(stack, INGESTION)

    assert "HA_ACCESS_TOKEN_FILE: /run/secrets/ha_access_token is empty" in log


def test_refused_token_is_shown_and_not_hammered(new_stack: NewStack) -> None:
    """Ingestion stays up, says `auth_invalid`, and has asked only once."""
    stack = new_stack(HA_ACCESS_TOKEN=f"wrong-{secrets.token_hex(8)}")
    start(stack, "home-assistant", INGESTION)

    seen = await_stats(stack, names_reason("auth_invalid"))
    (reason,) = [row for row in seen["reasons"] if row["code"] == "auth_invalid"]

    assert seen["status"] == "degraded"
    assert "HA_ACCESS_TOKEN" in reason["detail"]
    assert stack.look().containers
    assert "Traceback" not in stack.compose.logs(INGESTION)
    wrong = stack.project.settings["HA_ACCESS_TOKEN"]
    assert wrong not in stack.compose.logs(INGESTION)


def test_absent_home_assistant_is_shown(new_stack: NewStack) -> None:
    """Ingestion stays up and healthy for the engine, and names the address."""
    stack = new_stack(HA_URL="ws://nowhere:8123/api/websocket")
    start(stack, INGESTION)

    seen = await_stats(stack, names_reason("ha_unreachable"))

    assert seen["status"] == "degraded"
    assert any("nowhere" in reason["detail"] for reason in seen["reasons"])


def test_port_in_use_is_named(new_stack: NewStack) -> None:
    """Compose names the port that somebody else has, and so does setup.sh before."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        stack = new_stack(ADMIN_PORT=str(port))
        preflight = subprocess.run(
            [
                *(str(REPOSITORY / "stack/scripts/setup.sh"), "--dry-run"),
                *("--env-file", str(stack.project.env_file)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        with pytest.raises(ComposeError, match=rf"{port}"):
            start(stack, "admin-api")

    assert preflight.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in preflight.stderr
    assert "ADMIN_PORT" in preflight.stderr


def test_database_down_at_start_is_survived(new_stack: NewStack) -> None:
    """Events are taken while there is no InfluxDB, and stored when it comes.

    1. only source, ingestion and enrichment run
    2. an event is received and pending, the reason is named
    3. the rest starts: the event is stored
    """
    stack = new_stack()
    start(stack, "home-assistant", INGESTION, ENRICHMENT)
    await_stats(stack, is_streaming)
    entity = f"sensor.early_{secrets.token_hex(4)}"
    load = stack.simulator.start(rate=50, run_id=entity.partition(".")[2], count=50)
    stack.simulator.wait_for_end(load)

    def waiting(seen: dict[str, Any]) -> bool:
        return bool(seen["events"]["pending"] >= 50 and seen["reasons"])

    seen = await_stats(stack, waiting)
    assert seen["status"] == "degraded"

    stack.compose.up()
    stack.await_healthy()
    await_stats(stack, lambda seen: bool(seen["events"]["pending"] == 0))
    rows = stack.stored.rows(entity_ids=load.entity_ids)
    sent = stack.simulator.sent(load)
    assert {row.key for row in rows} == {event.key for event in sent}


def test_full_spool_pauses_and_resumes(new_stack: NewStack) -> None:
    """A full spool is named, reading pauses, and it goes on once there is room.

    1. a spool of 1 MB and no InfluxDB; more than 1 MB of events arrive
    2. state `paused`, reason `spool_full`; the file stays within bounds
    3. InfluxDB comes: the backlog drains, reading goes on, nothing on the wire and
       counted is missing
    """
    stack = new_stack(SPOOL_MAX_MB="1")
    start(stack, "home-assistant", INGESTION, ENRICHMENT)
    await_stats(stack, is_streaming)
    load = stack.simulator.start(
        rate=2000, run_id=f"full{secrets.token_hex(4)}", count=120_000
    )
    full = await_stats(stack, names_reason("spool_full"))

    assert full["status"] == "degraded"
    assert full["spool"]["state"] == "paused"
    # One group commit may pass the limit before the reader hears of it.
    assert full["spool"]["bytes"] < 2 * full["spool"]["limit_bytes"]

    stack.simulator.stop(load)
    stack.compose.up()
    stack.await_healthy()
    after = await_stats(
        stack,
        lambda seen: is_streaming(seen) and seen["events"]["pending"] == 0,
    )

    assert after["spool"]["state"] != "paused"
    assert after["events"]["received"] == after["events"]["forwarded"]


def test_unhealthy_is_not_hidden_by_restarts(new_stack: NewStack) -> None:
    """A service with wrong settings says so again at each attempt, and nothing else."""
    stack = new_stack(SPOOL_MAX_MB="much")
    log = log_of_failed_start(stack, INGESTION)
    states = {row.state for row in stack.look().containers}

    assert states <= {State.RESTARTING, State.EXITED, State.RUNNING}
    said = {line.partition("Z ")[2] for line in log.splitlines() if "Z " in line}
    assert {text for text in said if "settings:" in text} == {"settings: 1 problem"}


def test_compose_variants_are_valid() -> None:
    """Development and production both give a valid effective configuration."""
    stack = REPOSITORY / "stack"
    for environment, overlay in (("development", "dev"), ("production", "prod")):
        done = subprocess.run(
            [
                *("docker", "compose", f"--env-file={stack}/.env.{environment}"),
                *("-f", str(stack / "docker-compose.yml")),
                *("-f", str(stack / f"docker-compose.{overlay}.yml")),
                *("config", "--format=json"),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert set(json.loads(done.stdout)["services"]) >= {INGESTION, ENRICHMENT}

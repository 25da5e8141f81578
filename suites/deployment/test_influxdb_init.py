"""The one-shot that sets InfluxDB up survives kills and gives no more rights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from reference_stack import ReferenceStack
from stackproof import Health, Snapshot, State, wait_until

pytestmark = pytest.mark.timeout(180)

NewStack = Callable[..., ReferenceStack]
INIT = "influxdb-init"
_SECONDS = 60.0
# It logs a handful of lines; one kill after each of them.
_LINES = 5


def database_is_healthy(seen: Snapshot) -> bool:
    """Tell whether InfluxDB answers."""
    return any(
        row.service == "influxdb" and row.health is Health.HEALTHY
        for row in seen.containers
    )


def init_has_succeeded(seen: Snapshot) -> bool:
    """Tell whether the one-shot has done its work."""
    return any(
        row.service == INIT and row.state is State.EXITED and row.exit_code == 0
        for row in seen.containers
    )


def kill_after(stack: ReferenceStack, lines: int) -> None:
    """Start the one-shot anew and kill it once it has logged that many lines."""
    stack.compose("create", "--force-recreate", "--no-build", INIT)
    (row,) = [row for row in stack.compose.ps() if row.service == INIT]
    container = stack.engine.containers.get(row.id)
    container.start()

    def said_enough(log: bytes) -> bool:
        # Later runs find most of it done and say less.
        return log.count(b"\n") >= lines or b"provision.done" in log

    wait_until(container.logs, said_enough, timeout=_SECONDS, every=0.005)
    container.remove(force=True)


def ask(stack: ReferenceStack, path: str, token: str, **params: str) -> Any:
    """Return what InfluxDB answers to a GET with a token."""
    url = stack.compose.port("influxdb", 8086).url(path)
    answer = requests.get(
        url, params=params, headers={"Authorization": f"Token {token}"}, timeout=10
    )
    answer.raise_for_status()
    return answer.json()


def test_kills_leave_one_complete_set_up(new_stack: NewStack) -> None:
    """Killed after each line of its log and run again, it ends with one of everything.

    1. InfluxDB runs; the one-shot is killed after its 1st, 2nd, … line
    2. it runs to its end
    3. there is one bucket with the retention, one write and one read token, and the
       files hold just those
    """
    stack = new_stack(INFLUXDB_RETENTION_DAYS="30")
    stack.compose.up("influxdb")
    wait_until(stack.look, database_is_healthy, timeout=_SECONDS)
    for lines in range(1, _LINES + 1):
        kill_after(stack, lines)

    stack.compose.up(INIT)
    wait_until(stack.look, init_has_succeeded, timeout=_SECONDS)
    operator = stack.project.secret("influxdb_admin_token")
    org = stack.project.settings["INFLUXDB_ORG"]
    bucket = stack.project.settings["INFLUXDB_BUCKET"]
    buckets = [
        (found["name"], found["retentionRules"][0]["everySeconds"])
        for found in ask(stack, "/api/v2/buckets", operator, org=org)["buckets"]
        if found["type"] == "user"
    ]
    tokens = {
        found["description"]: found["token"]
        for found in ask(stack, "/api/v2/authorizations", operator)["authorizations"]
    }
    files = {
        stack.file_in(INIT, f"/run/influxdb-tokens/{name}")
        for name in ("write_token", "read_token")
    }

    assert buckets == [(bucket, 30 * 86_400)]
    assert len(tokens) == 3, sorted(tokens)
    assert files == set(tokens.values()) - {operator}


def test_tokens_can_do_one_thing_each(new_stack: NewStack) -> None:
    """The write token cannot query, and the read token cannot write."""
    stack = new_stack()
    stack.compose.up(INIT)
    wait_until(stack.look, init_has_succeeded, timeout=_SECONDS)
    where = {
        "org": stack.project.settings["INFLUXDB_ORG"],
        "bucket": stack.project.settings["INFLUXDB_BUCKET"],
    }
    endpoint = stack.compose.port("influxdb", 8086)

    def write(name: str) -> int:
        answer = requests.post(
            endpoint.url("/api/v2/write"),
            params={**where, "precision": "us"},
            data="probe value=1",
            headers={"Authorization": f"Token {token(name)}"},
            timeout=10,
        )
        return answer.status_code

    def read(name: str) -> str:
        answer = requests.post(
            endpoint.url("/api/v2/query"),
            params={"org": where["org"]},
            json={"query": f'from(bucket:"{where["bucket"]}") |> range(start:-1h)'},
            headers={"Authorization": f"Token {token(name)}"},
            timeout=10,
        )
        return answer.text if answer.ok else "refused"

    def token(name: str) -> str:
        return stack.file_in(INIT, f"/run/influxdb-tokens/{name}")

    assert write("write_token") == 204
    assert "probe" in read("read_token")
    assert write("read_token") in {401, 403, 404}
    assert "probe" not in read("write_token")

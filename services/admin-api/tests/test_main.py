"""The process: its exit codes and what it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

COMMAND = [sys.executable, "-m", "admin_api"]


def test_bad_settings_end_with_a_list_and_code_2() -> None:
    """Every problem is named on stderr; nothing else is printed."""
    done = subprocess.run(
        COMMAND, env={}, capture_output=True, text=True, check=False, timeout=9
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("settings: 7 problems\n  ADMIN_TOKEN: is missing; ")


def test_sigterm_ends_the_service_with_code_0() -> None:
    """The service starts without any neighbour and stops in order."""
    variables = {
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "ADMIN_TOKEN": "correct-horse",
        "INGESTION_URL": "http://127.0.0.1:1",
        "ENRICHMENT_URL": "http://127.0.0.1:1",
        "INFLUXDB_URL": "http://127.0.0.1:1",
        "INFLUXDB_ORG": "home",
        "INFLUXDB_BUCKET": "ha",
        "INFLUXDB_TOKEN": "read-token",
    }
    lines: list[str] = []
    with subprocess.Popen(
        COMMAND,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if json.loads(line)["event"] == "health.cleared":
                os.kill(process.pid, signal.SIGTERM)
        errors = process.stderr.read() if process.stderr is not None else ""

    events = [json.loads(line)["event"] for line in lines]
    assert process.returncode == 0
    assert (events[0], events[-1]) == ("service.starting", "shutdown.finished")
    assert events.count("shutdown.step") == 2
    assert "correct-horse" not in "".join(lines)
    assert errors == ""

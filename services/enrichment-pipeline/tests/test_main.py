"""The process: its exit codes and what it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "enrichment_pipeline"]


def test_bad_settings_end_with_a_list_and_code_2() -> None:
    """Every problem is named on stderr; nothing else is printed."""
    done = subprocess.run(
        COMMAND, env={}, capture_output=True, text=True, check=False, timeout=9
    )

    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0] == "settings: 5 problems"
    assert lines[1].startswith("  INFLUXDB_URL: is missing; fix: set INFLUXDB_URL in ")


def test_sigterm_ends_the_service_with_code_0(tmp_path: Path) -> None:
    """The service stops in order, in JSON lines without a secret."""
    variables = {
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": "0",
        "INFLUXDB_URL": "http://127.0.0.1:1",
        "INFLUXDB_ORG": "home",
        "INFLUXDB_BUCKET": "ha",
        "INFLUXDB_TOKEN": "very-secret-token",
        "DEADLETTER_PATH": str(tmp_path / "dead.jsonl"),
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
    assert events.count("shutdown.step") == 5
    assert "very-secret-token" not in "".join(lines)
    assert errors == ""

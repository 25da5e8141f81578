"""Tests of the process: start line, settings errors, and the end by signal."""

from __future__ import annotations

import signal
import subprocess
import sys

import msgspec
import pytest

COMMAND = [sys.executable, "-m", "ha_simulator", "--host", "127.0.0.1", "--port", "0"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_process_cleanly(number: signal.Signals) -> None:
    """It logs that it serves, and a signal ends it with exit code 0."""
    process = subprocess.Popen(
        [*COMMAND, "--token", "very-secret"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    started = msgspec.json.decode(process.stdout.readline())
    process.send_signal(number)
    output, errors = process.communicate(timeout=10)

    assert started["event"] == "simulator.started"
    assert started["port"] > 0
    assert process.returncode == 0
    assert errors == b""
    assert b"simulator.stopped" in output
    assert b"very-secret" not in output


def test_missing_token_is_one_message() -> None:
    """Without a token the process says what is wrong and exits with 2."""
    done = subprocess.run(
        COMMAND, capture_output=True, text=True, timeout=10, check=False, env={}
    )

    assert done.returncode == 2
    assert "HA_SIMULATOR_TOKEN: missing" in done.stderr
    assert "Traceback" not in done.stderr

"""Tests of the log lines."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import msgspec
import pytest

from ha_simulator import logs


@pytest.fixture(autouse=True)
def restored_root() -> Iterator[None]:
    """Give the root logger back as it was."""
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_line_is_json_with_the_values(capsys: pytest.CaptureFixture[str]) -> None:
    """A line has time, level, service and event, then the values."""
    logs.configure()
    logs.log("simulator.started", port=5)
    line = msgspec.json.decode(capsys.readouterr().out)

    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "service": "ha-simulator",
        "event": "simulator.started",
        "port": 5,
    }


def test_failure_carries_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """An error that a library logs is one line too, with the traceback inside."""
    logs.configure()
    error = ValueError("odd")
    logging.getLogger("aiohttp.server").error("failed", exc_info=error)
    line = msgspec.json.decode(capsys.readouterr().out)

    assert (line["level"], line["event"]) == ("error", "failed")
    assert "ValueError: odd" in line["traceback"]

"""Logs: one JSON line per event, secrets scrubbed, aiohttp included."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from servicekit.logs import Scrubber, configure


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    """Take back what `configure` changes in the process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the printed lines as objects."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_line_has_the_fixed_keys_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, service and event lead every line; values follow."""
    configure("sample", "INFO")
    structlog.get_logger().info("spool.opened", path="x", bytes=3)
    (line,) = lines(capsys)

    assert list(line) == ["time", "level", "service", "event", "path", "bytes"]
    assert (line["level"], line["service"], line["bytes"]) == ("info", "sample", 3)
    assert line["time"].endswith("Z")
    assert len(line["time"]) == len("2026-11-23T14:47:56.311149Z")


def test_lower_levels_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The level is a floor for both kinds of loggers."""
    configure("sample", "WARNING")
    structlog.get_logger().info("a")
    logging.getLogger("aiohttp.server").info("b")
    structlog.get_logger().warning("c")

    assert [line["event"] for line in lines(capsys)] == ["c"]


@pytest.mark.parametrize(("level", "count"), [("INFO", 0), ("DEBUG", 1)])
def test_access_log_only_when_debugging(
    capsys: pytest.CaptureFixture[str], level: str, count: int
) -> None:
    """Requests are not logged at INFO."""
    configure("sample", level)
    logging.getLogger("aiohttp.access").info("GET /health")

    assert len(lines(capsys)) == count


def test_the_standard_library_speaks_json_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A line of a library has the same keys, its secrets are scrubbed as well."""
    configure("sample", "INFO", ["hunter2hunter2"])
    logging.getLogger("aiohttp.server").error("failed for %s", "hunter2hunter2")
    (line,) = lines(capsys)

    assert list(line)[:4] == ["time", "level", "service", "event"]
    assert line["event"] == "failed for **********"


def test_a_traceback_is_structured_and_without_locals(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An exception is a field with frames; local values are not in it."""
    configure("sample", "INFO", ["hunter2hunter2"])

    def fail() -> None:
        local_value = "only-in-a-local"
        raise ValueError(f"bad hunter2hunter2 {len(local_value)}")

    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("it.failed")
    text = capsys.readouterr().out
    line = json.loads(text)

    assert line["exception"][0]["exc_value"] == "bad ********** 15"
    assert [frame["name"] for frame in line["exception"][0]["frames"]][-1] == "fail"
    assert "only-in-a-local" not in text


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer **********"),
        ("Authorization: Token abc==", "Authorization: Token **********"),
        (
            r"{\"type\":\"auth\",\"access_token\":\"eyJh\"}",
            r"{\"type\":\"auth\",\"access_token\":\"**********\"}",
        ),
        ('{"access_token": "eyJh", "a": 1}', '{"access_token": "**********", "a": 1}'),
        ("GET /w?lat=1&appid=k3y&x=2", "GET /w?lat=1&appid=**********&x=2"),
        ("HA_ACCESS_TOKEN: is missing", "HA_ACCESS_TOKEN: is missing"),
        ("the token was refused", "the token was refused"),
        ('my s3cr3t\\"x here', "my ********** here"),
        ("ab stays", "ab stays"),
    ],
)
def test_scrubber(text: str, scrubbed: str) -> None:
    """Known secrets and credentials become stars, other words stay."""
    assert Scrubber(['s3cr3t"x', "ab", ""])(text) == scrubbed

"""Tests of `servicekit.command`."""

from __future__ import annotations

from typing import ClassVar

import pytest

from servicekit.command import BAD_SETTINGS, run_service
from servicekit.lifecycle import Runtime
from servicekit.settings import ServiceSettings


class Settings(ServiceSettings):
    """A service with one setting that must be there."""

    prefixes: ClassVar[tuple[str, ...]] = ("GREETING",)
    http_port: int = 0
    greeting: str


def test_bad_settings_are_told_and_nothing_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The problems go to standard error, without a traceback; the body never runs."""
    monkeypatch.delenv("GREETING", raising=False)
    bodies: list[Settings] = []

    code = run_service("greeter", Settings, bodies.append)  # type: ignore[arg-type]

    assert (code, bodies) == (BAD_SETTINGS, [])
    assert "GREETING: is missing" in capsys.readouterr().err


def test_body_gets_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """With good settings the body runs to its end and the code is 0."""
    monkeypatch.setenv("GREETING", "hello")
    greeted: list[str] = []

    async def greet(settings: Settings, _runtime: Runtime) -> None:
        greeted.append(settings.greeting)

    code = run_service(
        "greeter",
        Settings,
        lambda settings: lambda runtime: greet(settings, runtime),
    )

    assert (code, greeted) == (0, ["hello"])

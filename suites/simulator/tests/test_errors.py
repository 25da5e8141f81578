"""Tests of the errors' sentences."""

from __future__ import annotations

import pytest

from ha_simulator.errors import (
    AuthRefused,
    CommandError,
    ControlError,
    Disconnect,
    SettingsError,
    SimulatorError,
)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SettingsError(["A: bad"]), "settings: 1 problem\n  A: bad"),
        (SettingsError(["A", "B"]), "settings: 2 problems\n  A\n  B"),
        (Disconnect("no JSON"), "no JSON"),
        (AuthRefused(b"{}"), "auth refused: {}"),
        (CommandError("not_found", "gone"), "not_found: gone"),
        (ControlError(404, "no_job", "no job 3"), "404 no_job: no job 3"),
    ],
)
def test_error_says_what_happened(error: SimulatorError, sentence: str) -> None:
    """The text of an error is made of the data it holds."""
    assert str(error) == sentence

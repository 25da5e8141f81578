"""Signals are known by name and number."""

from __future__ import annotations

import signal

import pytest

from stackproof.drills.signals import name_of, number_of


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("SIGTERM", 15),
        ("term", 15),
        ("3", 3),
        (" SIGQUIT ", 3),
        ("SIGRTMIN", int(signal.SIGRTMIN)),
        ("SIGRTMIN+3", int(signal.SIGRTMIN) + 3),
        ("RTMAX-2", int(signal.SIGRTMAX) - 2),
        ("SIGNOTHING", None),
        ("", None),
    ],
)
def test_number_of(name: str, number: int | None) -> None:
    """In all the ways that Compose takes."""
    assert number_of(name) == number


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (9, "SIGKILL"),
        (15, "SIGTERM"),
        (70, "signal 70"),
        (37, "SIGRTMIN+3"),
        (None, "signal None"),
    ],
)
def test_name_of(number: int | None, name: str) -> None:
    """What has no name keeps its number."""
    assert name_of(number) == name

"""An error's text holds its evidence."""

from __future__ import annotations

import pytest

from stackproof.errors import (
    ComposeError,
    ComposeTimeout,
    EventsLost,
    ModelError,
    NoFreeSubnet,
    StackproofError,
    StoreError,
    WaitFailed,
    WaitTimeout,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ModelError("row", "no JSON"), "cannot read row: no JSON"),
        (
            ComposeError(("docker", "ps"), 3, "why\nmore\n"),
            "exit code 3 from: docker ps\n    why\n    more",
        ),
        (ComposeError(("docker", "ps"), 3, ""), "exit code 3 from: docker ps"),
        (
            ComposeTimeout(("docker", "up"), 1.5, "so far"),
            "no end after 1.5 s of: docker up\n    so far",
        ),
        (
            WaitFailed("all_healthy", "any_failed", "web exited"),
            "any_failed while waiting for all_healthy; last seen:\n    web exited",
        ),
        (
            WaitTimeout("all_healthy", 60.0, "web starting"),
            "all_healthy still false after 60 s; last seen:\n    web starting",
        ),
        (EventsLost("gone"), "the engine's event stream ended early: gone"),
        (
            NoFreeSubnet(["10.0.0.0/8"], 24),
            "no free /24 network in 10.0.0.0/8",
        ),
        (StoreError("from(x)", "HTTP 401"), "query failed: HTTP 401\n    from(x)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_text_has_sentence_and_evidence(error: StackproofError, text: str) -> None:
    """The first line says what went wrong, the lines below show it."""
    assert str(error) == text


def test_long_evidence_keeps_its_end() -> None:
    """The last lines of a long output matter, and the cut is shown."""
    evidence = "\n".join(f"line {number}" for number in range(100))

    lines = str(ComposeError(("docker",), 1, evidence)).splitlines()

    assert lines[1:3] == ["    … 60 lines before", "    line 60"]
    assert lines[-1] == "    line 99"

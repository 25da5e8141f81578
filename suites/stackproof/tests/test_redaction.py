"""Secrets do not reach the evidence."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.redaction import HIDDEN, redacted


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ({"HA_ACCESS_TOKEN": "abc"}, {"HA_ACCESS_TOKEN": HIDDEN}),
        ({"env": {"DB_PASSWORD": "abc"}}, {"env": {"DB_PASSWORD": HIDDEN}}),
        ({"WEATHER_API_KEY": ""}, {"WEATHER_API_KEY": ""}),
        ({"WEATHER_API_KEY": None}, {"WEATHER_API_KEY": None}),
        ({"TOKEN_FILE": "/run/secrets/x"}, {"TOKEN_FILE": "/run/secrets/x"}),
        (
            ["ADMIN_TOKEN=abc", "LOG_LEVEL=INFO"],
            [f"ADMIN_TOKEN={HIDDEN}", "LOG_LEVEL=INFO"],
        ),
        ("http://user:pass@host/", f"http://{HIDDEN}@host/"),
        ({"interval": 5, "init": True}, {"interval": 5, "init": True}),
        ({"secrets": {"token": {"file": "x"}}}, {"secrets": {"token": {"file": "x"}}}),
    ],
    ids=str,
)
def test_secret_values_are_hidden(document: Any, shown: Any) -> None:
    """A value is hidden for its name, everything else stays as it is."""
    assert redacted(document) == shown

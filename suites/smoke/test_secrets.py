"""No secret shows where it does not belong."""

from __future__ import annotations

import json

import pytest

from reference_stack import ReferenceStack

pytestmark = pytest.mark.timeout(120)


def secret_values(stack: ReferenceStack) -> dict[str, str]:
    """Return every secret that the running stack uses, by its name."""
    files = {file.name: file.read_text() for file in stack.project.secrets.iterdir()}
    tokens = {
        name: stack.file_in("admin-api", f"/run/influxdb-tokens/{name}")
        for name in ("write_token", "read_token")
    }
    source = {"source_token": stack.home_assistant.token}
    known = {**files, **tokens, **source}
    return {name: value for name, value in known.items() if value}


def test_no_secret_in_logs_environment_or_api(stack: ReferenceStack) -> None:
    """Neither logs, nor `docker inspect`, nor admin-api's configuration tell one."""
    places = {"admin-api /config": json.dumps(stack.admin.get("/config"))}
    for row in stack.look().containers:
        container = stack.engine.containers.get(row.id)
        places[f"log of {row.service}"] = container.logs().decode("utf-8")
        places[f"inspect of {row.service}"] = json.dumps(container.attrs)
    found = [
        f"{name} in {place}"
        for place, text in places.items()
        for name, value in secret_values(stack).items()
        if value in text
    ]

    assert len(secret_values(stack)) >= 7
    assert found == []

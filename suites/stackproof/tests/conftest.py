"""What the unit tests of stackproof share."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from stackproof.compose import Compose
from stackproof.model import Container, Health, Snapshot, StackModel, State
from stackproof.parsing import parse_config
from stackproof.testing import Answer, FakeClock, FakeDocker

CONFIG: dict[str, Any] = {
    "name": "demo",
    "services": {
        "store": {
            "healthcheck": {"test": ["CMD", "probe"], "interval": "1s", "retries": 2},
            "stop_grace_period": "1m30s",
            "restart": "unless-stopped",
        },
        "setup": {
            "depends_on": {
                "store": {"condition": "service_healthy", "required": True},
            },
        },
        "web": {
            "depends_on": {
                "setup": {
                    "condition": "service_completed_successfully",
                    "required": True,
                },
                "store": {"condition": "service_started", "required": True},
            },
            "healthcheck": {"test": ["CMD", "probe"]},
        },
    },
}


@pytest.fixture
def config_text() -> str:
    """Three services: a store, a one-shot that prepares it, and a web page."""
    return json.dumps(CONFIG)


@pytest.fixture
def model(config_text: str) -> StackModel:
    """The same three services, parsed."""
    return parse_config(config_text)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that jumps."""
    return FakeClock()


@pytest.fixture
def fake_compose() -> Callable[..., Compose]:
    """Build a project whose docker command has set answers."""

    def build(
        answers: Mapping[tuple[str, ...], Answer | Exception], **options: Any
    ) -> Compose:
        return Compose(
            project="demo", files=(), run=FakeDocker(answers=answers), **options
        )

    return build


@pytest.fixture
def snapshot(model: StackModel) -> Callable[..., Snapshot]:
    """Build a snapshot from service="state health-or-exit-code"."""

    def build(**rows: str) -> Snapshot:
        return Snapshot(
            model=model,
            containers=tuple(_container(name, text) for name, text in rows.items()),
        )

    return build


def _container(service: str, text: str) -> Container:
    state, _, detail = text.partition(" ")
    return Container(
        id=f"{service}-id",
        name=f"demo-{service}-1",
        service=service,
        state=State(state),
        health=Health.NONE if detail.isdigit() else Health(detail),
        exit_code=int(detail) if detail.isdigit() else 0,
        ports=(),
    )

"""What the files are asked for: the claims of CONFIG, OPS and SECURITY."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stackproof.compose import Compose
from stackproof.contract.source import Contract
from stackproof.parsing import parse_config
from stackproof.registry import all_checks

DOCUMENT: dict[str, Any] = {
    "name": "demo",
    "services": {
        "web": {
            "image": "web:1",
            "container_name": "the-web",
            "depends_on": {"setup": {"condition": "service_completed_successfully"}},
            "environment": {"MODE": "on", "TOKEN": None},
            "logging": {"driver": "local"},
            "oom_score_adj": 100,
            "networks": {"back": {"ipv4_address": "10.0.0.2"}},
            "ports": [{"target": 80, "published": "8080", "protocol": "tcp"}],
            "scale": 2,
            "secrets": [{"source": "key", "target": "/run/secrets/key"}],
            "security_opt": ["no-new-privileges:true"],
            "pid": "host",
            "privileged": True,
            "user": "1000",
            "volumes": [
                {
                    "type": "bind",
                    "source": "/srv",
                    "target": "/data",
                    "bind": {"create_host_path": True},
                }
            ],
        },
        "setup": {"image": "setup:1", "network_mode": "service:web"},
    },
    "networks": {"back": {"name": "demo_back"}},
    "secrets": {"key": {"file": "/srv/key"}},
}
WRITTEN = {
    "services": {"web": {"environment": ["MODE=on", "TOKEN"], "env_file": "web.env"}}
}


@pytest.fixture(scope="module")
def contract() -> Contract:
    """Two services that declare much."""
    return Contract(
        compose=Compose(project="", files=(Path("compose.yml"),)),
        document=DOCUMENT,
        model=parse_config(json.dumps(DOCUMENT)),
        written={Path("compose.yml"): WRITTEN},
    )


BOTH = ["web", "setup"]


@pytest.mark.parametrize(
    ("check_id", "labels"),
    [
        ("CONFIG-01", ["compose.yml"]),
        ("CONFIG-02", []),
        ("CONFIG-03", ["web: TOKEN"]),
        ("CONFIG-04", ["web: web.env"]),
        ("CONFIG-05", []),
        ("CONFIG-06", ["web: /srv on /data"]),
        ("CONFIG-07", ["secret key"]),
        ("CONFIG-08", ["web"]),
        ("CONFIG-09", ["web in back"]),
        ("CONFIG-10", ["web"]),
        ("CONFIG-11", ["web", "secret key"]),
        ("CONFIG-12", ["the file", *BOTH]),
        ("CONFIG-13", BOTH),
        ("CONFIG-14", ["web: /srv on /data"]),
        # Compose puts another container's id into the hash of `setup`.
        ("OPS-02", ["web"]),
        ("OPS-03", ["no orphans"]),
        ("OPS-04", BOTH),
        ("OPS-05", ["web"]),
        ("OPS-06", ["web"]),
        ("OPS-07", BOTH),
        # What is meant to end neither stays up nor has to say anything.
        ("OPS-09", ["web"]),
        ("OPS-10", ["web"]),
        ("OPS-12", ["setup"]),
        ("OPS-15", ["web: secret key (0)"]),
        ("OPS-16", ["web"]),
        ("SECURITY-01", ["web"]),
        ("SECURITY-02", []),
        ("SECURITY-03", BOTH),
        ("SECURITY-04", ["web: no-new-privileges: true (0)"]),
        ("SECURITY-05", []),
        ("SECURITY-06", ["web: pid", "setup: network_mode"]),
        ("SECURITY-09", BOTH),
        ("SECURITY-22", ["key"]),
    ],
)
def test_what_is_declared_is_claimed(
    contract: Contract, check_id: str, labels: list[str]
) -> None:
    """One claim for each thing that there is to prove, and none beside it."""
    check = next(check for check in all_checks() if check.id == check_id)

    assert [claim.label for claim in check.claims(contract)] == labels


def test_each_aspect_is_compared(contract: Contract) -> None:
    """Those that every service has, and those that it declares."""
    drift = next(check for check in all_checks() if check.id == "OPS-01")
    aspects = [
        claim.detail
        for claim in drift.claims(contract)
        if claim.subject.service == "setup"
    ]

    assert aspects == [
        *("image", "command", "entrypoint", "environment", "mounts"),
        "network_mode",
    ]

"""The engine's client is loaded when an engine is asked, and not before."""

from __future__ import annotations

import subprocess
import sys

import docker.errors
import pytest
import requests
import urllib3

from stackproof import sdk

PLAN = """
import sys
import stackproof
import stackproof.registry
import stackproof.cli.plan
stackproof.registry.all_checks()
heavy = {"docker", "jinja2", "jsonschema", "requests", "urllib3"}
print(*sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("APIError", docker.errors.APIError),
        ("DockerException", docker.errors.DockerException),
        ("ImageNotFound", docker.errors.ImageNotFound),
        ("NotFound", docker.errors.NotFound),
        ("NullResource", docker.errors.NullResource),
        ("RequestException", requests.RequestException),
        ("HTTPError", urllib3.exceptions.HTTPError),
    ],
)
def test_errors_are_those_of_the_client(name: str, error: type[Exception]) -> None:
    """Each is found where the client has it."""
    assert getattr(sdk, name) is error
    assert name in sdk.__all__


def test_other_names_are_unknown() -> None:
    """A wrong name is an error as in any module."""
    with pytest.raises(AttributeError, match=r"'stackproof\.sdk' has no attribute 'x'"):
        _ = sdk.x


def test_plan_loads_no_client() -> None:
    """Neither the package, nor its checks, nor the command `plan`."""
    done = subprocess.run(
        [sys.executable, "-c", PLAN], check=True, capture_output=True, encoding="utf-8"
    )

    assert done.stdout.split() == []

"""What Compose says of a file that it refuses names a check, a place and a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stackproof.compose import Compose
from stackproof.contract.refusal import (
    NO_ENV_FILE,
    NO_VALUE,
    NOT_VALID,
    Place,
    Refusal,
    read_refusal,
)
from stackproof.errors import FileRefused
from stackproof.registry import all_checks

ROOT = "/home/me/stack"


def written(*services: str, **more: Any) -> dict[Path, dict[str, Any]]:
    """Return a file with these services, and more of them with their keys."""
    return {Path("compose.yml"): {"services": {name: {} for name in services} | more}}


@pytest.mark.parametrize(
    ("said", "check", "place", "fix"),
    [
        (
            (
                f"validating {ROOT}/compose.yml: services.desk Additional property "
                "colour is not allowed"
            ),
            NOT_VALID,
            Place(service="desk", key="colour"),
            "correct its name",
        ),
        (
            (
                "validating a.yml: services.my.desk.build Additional property x is not "
                "allowed"
            ),
            NOT_VALID,
            Place(service="my.desk", key="build.x"),
            "correct its name",
        ),
        (
            "validating a.yml: (root) Additional property service is not allowed",
            NOT_VALID,
            Place(key="service"),
            "correct its name",
        ),
        (
            "validating a.yml: services.desk.ports must be a list",
            NOT_VALID,
            Place(service="desk", key="ports"),
            "",
        ),
        (
            (
                "validating a.yml: services.desk.depends_on.b.condition "
                "services.desk.depends_on.b.condition must be one of the following: x"
            ),
            NOT_VALID,
            Place(service="desk", key="depends_on.b.condition"),
            "",
        ),
        (
            (
                "decoding failed due to the following error(s):\n\nerror decoding "
                "'services[desk].healthcheck.interval': time: invalid duration \"soon\""
            ),
            NOT_VALID,
            Place(service="desk", key="healthcheck.interval"),
            "",
        ),
        (
            (
                'service "desk" depends on undefined service "gone": invalid compose '
                "project"
            ),
            NOT_VALID,
            Place(service="desk", key="depends_on"),
            "--profile",
        ),
        (
            'service "desk" refers to undefined network x: invalid compose project',
            NOT_VALID,
            Place(service="desk", key="networks"),
            "`networks:`",
        ),
        (
            'service "desk" refers to undefined secret x: invalid compose project',
            NOT_VALID,
            Place(service="desk", key="secrets"),
            "`secrets:`",
        ),
        (
            'service "desk" has neither an image nor a build context specified',
            NOT_VALID,
            Place(service="desk", key="image"),
            "",
        ),
        (
            "service desk declares mutually exclusive `network_mode` and `networks`",
            NOT_VALID,
            Place(service="desk", key="network_mode"),
            "",
        ),
        (
            'cannot extend service "desk" in a.yml: service "gone" not found',
            NOT_VALID,
            Place(service="desk", key="extends"),
            "",
        ),
        (
            (
                "invalid interpolation format for services.desk.image.\nYou may need "
                "to escape any $ with another $.\na:${X"
            ),
            NOT_VALID,
            Place(service="desk", key="image"),
            "",
        ),
        (
            (
                "error while interpolating services.desk.image: required variable TAG "
                "is missing a value: set it"
            ),
            NO_VALUE,
            Place(service="desk", key="image"),
            "--env-file",
        ),
        (
            (
                "services.deploy.replicas: can't set container_name and desk as "
                "container name must be unique: invalid compose project"
            ),
            NOT_VALID,
            Place(service="desk", key="deploy.replicas"),
            "",
        ),
        (
            "services.gone.ports must be a list",
            NOT_VALID,
            Place(key="gone.ports"),
            "",
        ),
        ("yaml: line 4: did not find expected node", NOT_VALID, Place(), "YAML"),
        ("dependency cycle detected: a -> b -> a", NOT_VALID, Place(), ""),
        ("", NOT_VALID, Place(), ""),
    ],
)
def test_message_names_the_place(said: str, check: str, place: Place, fix: str) -> None:
    """Each message of Compose 2.26 that a mistake leads to."""
    refusal = read_refusal(said, written("desk", "my.desk"))

    assert (refusal.check, refusal.places) == (check, (place,))
    assert refusal.problem == said
    assert fix in refusal.fix


@pytest.mark.parametrize(
    ("said", "services"),
    [
        (f"env file {ROOT}/none.env not found: stat {ROOT}/none.env", ["a", "b"]),
        (f"open {ROOT}/none.env: no such file or directory", ["a", "b"]),
        (f"Failed to load {ROOT}/env/other.env: open …", ["c"]),
        ("env file /etc/absolute.env not found: stat", ["d"]),
        (f"read {ROOT}/env: is a directory", ["e"]),
    ],
)
def test_env_file_is_its_services(said: str, services: list[str]) -> None:
    """Compose names the path, as each release words it; the file tells whose it is."""
    files = written(
        a={"env_file": "./none.env"},
        b={"env_file": ["none.env"]},
        c={"env_file": [{"path": "../stack/env/other.env", "required": True}]},
        d={"env_file": "/etc/absolute.env"},
        e={"env_file": ["env", "${WHERE}/x", "."]},
        f={"env_file": "none.env.more"},
        g={},
    )

    refusal = read_refusal(said, files)

    assert refusal.check == NO_ENV_FILE
    assert refusal.places == tuple(Place(service=s, key="env_file") for s in services)
    assert "required: false" in refusal.fix


def test_env_file_of_an_included_file() -> None:
    """Nobody in the files that were read has it."""
    refusal = read_refusal("env file /x/none.env not found: stat …", {})

    assert (refusal.check, refusal.places) == (NO_ENV_FILE, (Place(key="env_file"),))


def test_error_says_all_of_it() -> None:
    """File, check, place, the words of Compose, and what to do."""
    refusal = Refusal(
        check=NO_ENV_FILE,
        places=(Place(service="desk", key="env_file"), Place()),
        problem="no x.env",
        fix="write it",
    )

    compose = Compose(project="", files=(Path("compose.yml"), Path("more.yml")))

    assert str(FileRefused(compose, refusal)) == (
        "compose.yml, more.yml: CONFIG-04[desk: env_file, the file]: no x.env\n"
        "    to fix it: write it"
    )


def test_checks_exist() -> None:
    """The ids are those of the catalogue."""
    known = {check.id for check in all_checks()}

    assert {NOT_VALID, NO_VALUE, NO_ENV_FILE} <= known

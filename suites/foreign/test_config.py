"""A file that says something wrong turns CONFIG red, at the service where it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackproof.errors import FileRefused
from stackproof.report.folder import read_document
from stackproof.verify.trial import Outcome

pytestmark = pytest.mark.timeout(120)

Document = dict[str, Any]
FAMILY = ("CONFIG",)


def services(document: Document) -> Document:
    """Return the services of a parsed file."""
    found: Document = document["services"]
    return found


def test_sound_file_is_green_even_when_strict(foreign: Callable[..., Outcome]) -> None:
    """Nothing in it is against a promise or good practice."""
    outcome = foreign("office", select=FAMILY, strict=True)

    assert outcome.red == frozenset(), str(outcome)


def several(document: Document) -> None:
    """Plant faults that do not keep the stack from starting."""
    desk, scribe = services(document)["desk"], services(document)["scribe"]
    desk["environment"]["UNSET"] = "${NOBODY_SETS_THIS}"
    scribe["environment"]["BARE"] = None
    scribe["build"] = {"context": "./gone"}
    scribe["volumes"] = ["./gone.conf:/etc/gone.conf:ro"]
    scribe["network_mode"] = "bridge"
    scribe["ports"] = ["127.0.0.1:18095:9000"]


@pytest.mark.gate
def test_broken_promises_turn_red(foreign: Callable[..., Outcome]) -> None:
    """Each at its own service; both of those that want one port."""
    outcome = foreign("office", several, select=FAMILY)

    assert outcome.failed == {
        ("CONFIG-02", "desk"),
        ("CONFIG-03", "scribe"),
        ("CONFIG-05", "scribe"),
        ("CONFIG-06", "scribe"),
        ("CONFIG-08", "desk"),
        ("CONFIG-08", "scribe"),
    }, str(outcome)


def careless(document: Document) -> None:
    """Plant what is against good practice only."""
    desk, scribe = services(document)["desk"], services(document)["scribe"]
    document["version"] = "3.8"
    desk["environment"]["SMTP_HOST"] = ""
    desk["environment"]["API_URL"] = "<your url>"
    desk["deploy"] = {"placement": {"constraints": ["node.role == worker"]}}
    scribe["mem_swappiness"] = 10
    scribe["volumes"] = ["./no-folder:/data:ro"]


def test_bad_practice_turns_red_only_when_strict(
    foreign: Callable[..., Outcome],
) -> None:
    """Without `strict` it is told and not red."""
    outcome = foreign("office", careless, select=FAMILY, strict=True)

    assert outcome.failed == {
        ("CONFIG-10", "desk"),
        ("CONFIG-11", "desk"),
        ("CONFIG-12", ""),
        ("CONFIG-12", "scribe"),
        ("CONFIG-13", "desk"),
        ("CONFIG-14", "scribe"),
    }, str(outcome)
    assert foreign("office", careless, select=FAMILY).red == frozenset()


def test_secret_that_is_a_folder_turns_red(foreign: Callable[..., Outcome]) -> None:
    """It is what a missing file becomes."""

    def folder(document: Document) -> None:
        document["secrets"]["door_key"]["file"] = "."

    outcome = foreign("office", folder, select=("CONFIG-07", "OPS-15"))

    assert outcome.failed == {("CONFIG-07", ""), ("OPS-15", "desk")}, str(outcome)


def test_what_keeps_a_service_from_starting_is_named(
    foreign: Callable[..., Outcome],
) -> None:
    """The file tells why, though nothing runs."""

    def elsewhere(document: Document) -> None:
        desk = services(document)["desk"]
        desk["networks"]["floor"]["ipv4_address"] = "10.9.8.7"

    outcome = foreign("office", elsewhere, select=FAMILY)

    assert outcome.failed == {("CONFIG-09", "desk")}, str(outcome)


def no_env_file(document: Document) -> None:
    """Name a file of variables that is not there."""
    services(document)["desk"]["env_file"] = "./none.env"


def unknown_key(document: Document) -> None:
    """Write what Compose does not know."""
    services(document)["desk"]["colour"] = "green"


def no_network(document: Document) -> None:
    """Join a network that nobody declared."""
    services(document)["desk"]["networks"] = ["cellar"]


def demanded(document: Document) -> None:
    """Demand a variable that nobody sets."""
    services(document)["desk"]["environment"]["PIN"] = "${NOBODY_SETS_THIS:?the PIN}"


@pytest.mark.gate
@pytest.mark.parametrize(
    ("defect", "check", "key", "said"),
    [
        (no_env_file, "CONFIG-04", "env_file", "none.env"),
        (unknown_key, "CONFIG-01", "colour", "colour is not allowed"),
        (no_network, "CONFIG-01", "networks", "undefined network cellar"),
        (demanded, "CONFIG-02", "environment.PIN", "the PIN"),
    ],
)
def test_file_that_compose_refuses_is_reported(
    foreign: Callable[..., Outcome],
    tmp_path: Path,
    defect: Callable[[Document], None],
    check: str,
    key: str,
    said: str,
) -> None:
    """Both commands end with 2; one line names file, service, key and remedy."""
    with pytest.raises(FileRefused):
        foreign("office", defect)
    file = tmp_path / "office" / "compose.yml"
    report = tmp_path / "run"

    for args in (["plan"], ["verify", "--report", str(report)]):
        argv = [sys.executable, "-m", "stackproof", *args, "-f", str(file)]
        done = subprocess.run(
            argv, check=False, capture_output=True, encoding="utf-8", timeout=60
        )

        assert done.returncode == 2, done.stdout + done.stderr
        assert f"{file}: {check}[desk: {key}]: " in done.stderr
        assert said in done.stderr
        assert "to fix it: " in done.stderr
        assert "Traceback" not in done.stderr
    checks = read_document(report)["checks"]
    assert [(c["id"], c["verdict"], c["subject"]) for c in checks] == [
        (check, "fail", {"service": "desk", "key": key})
    ]


def test_env_file_may_be_missing_where_the_file_says_so(
    foreign: Callable[..., Outcome],
) -> None:
    """`required: false` is kept."""

    def optional(document: Document) -> None:
        entry = {"path": "./none.env", "required": False}
        services(document)["desk"]["env_file"] = [entry]

    outcome = foreign("office", optional, select=("CONFIG-04",))

    assert outcome.red == frozenset()
    assert [r.finding.observed for r in outcome.results] == ["is absent, and may be"]

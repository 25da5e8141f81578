"""A service that is less confined than declared turns SECURITY red."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from docker import DockerClient

from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome

pytestmark = pytest.mark.timeout(120)

Document = dict[str, Any]
Changed = Callable[[Callable[[Document], object]], Callable[[Stack], None]]
FAMILY = ("SECURITY",)
_STAY = "; import signal; signal.signal(15, lambda *_: exit(0)); signal.pause()"


def test_sound_stack_is_green_even_when_strict(
    foreign: Callable[..., Outcome],
) -> None:
    """Nothing in it is against a promise or good practice."""
    outcome = foreign("office", select=FAMILY, strict=True)

    assert outcome.red == frozenset(), str(outcome)


def loosen(services: Document) -> None:
    """Take from what runs all that the file promises."""
    desk, scribe = services["desk"], services["scribe"]
    del desk["user"], desk["devices"], desk["group_add"]
    desk["cap_drop"] = ["CHOWN"]
    desk["security_opt"] = []
    scribe["privileged"] = True
    scribe["read_only"] = False
    scribe["ipc"] = "host"


@pytest.mark.gate
def test_loosened_containers_turn_red(
    foreign: Callable[..., Outcome], changed: Changed
) -> None:
    """Each promise at the service that lost it; privileged undoes dropping."""
    outcome = foreign("office", select=FAMILY, after_start=changed(loosen))

    assert outcome.failed == {
        ("SECURITY-01", "desk"),
        ("SECURITY-02", "desk"),
        ("SECURITY-02", "scribe"),
        ("SECURITY-03", "scribe"),
        ("SECURITY-04", "desk"),
        ("SECURITY-05", "scribe"),
        ("SECURITY-06", "scribe"),
        ("SECURITY-07", "desk"),
        ("SECURITY-08", "desk"),
    }, str(outcome)


def test_privileged_brings_back_what_is_dropped(
    foreign: Callable[..., Outcome],
) -> None:
    """The file contradicts itself: inspect shows the drop, the kernel does not."""

    def defect(document: Document) -> None:
        document["services"]["scribe"]["privileged"] = True

    outcome = foreign("office", defect, select=FAMILY)

    assert outcome.failed == {("SECURITY-02", "scribe")}, str(outcome)


def leaking(document: Document) -> None:
    """Show the secret: in the log of one service, in the variables of another."""
    services = document["services"]
    text = "print(open('/run/secrets/door_key').read(), flush=True)"
    services["desk"]["command"] = ["python3", "-c", text + _STAY]
    services["scribe"]["environment"]["GREETING"] = "b7Qw-0x4-tulip-marble"


def test_leaked_secret_turns_red_and_is_not_repeated(
    foreign: Callable[..., Outcome],
) -> None:
    """Wherever it is seen."""
    outcome = foreign("office", leaking, select=FAMILY)

    assert outcome.failed == {("SECURITY-09", "desk"), ("SECURITY-09", "scribe")}
    assert "tulip" not in str(outcome)
    (found,) = outcome.of("SECURITY-09", "desk")
    assert found.finding.observed == "door_key in the logs"


def exposed(document: Document) -> None:
    """Do all that is against good practice."""
    desk, scribe = document["services"]["desk"], document["services"]["scribe"]
    desk["image"] = "stackproof-foreign/office"
    desk["ports"] = ["18095:8000"]
    desk["environment"]["API_TOKEN"] = "kT5-quiet-river"
    desk["command"] = ["python3", "-c", "print('kT5-quiet-river', flush=True)" + _STAY]
    scribe["user"] = "0"
    scribe["pid"] = "host"
    scribe["cap_add"] = ["SYS_ADMIN"]
    scribe["volumes"] = ["/var/run/docker.sock:/var/run/docker.sock:ro"]
    for key in ("cap_drop", "security_opt", "read_only"):
        del scribe[key]


def test_bad_practice_turns_red_when_strict(
    foreign: Callable[..., Outcome], engine: DockerClient
) -> None:
    """Each policy at its service, and no promise."""
    engine.images.get("ha-ingestor/python:3.13-runtime").tag(
        "stackproof-foreign/office"
    )
    try:
        outcome = foreign("office", exposed, select=FAMILY, strict=True)
    finally:
        engine.images.remove("stackproof-foreign/office:latest", noprune=True)

    assert outcome.failed == {
        ("SECURITY-10", "scribe"),
        ("SECURITY-11", "scribe"),
        ("SECURITY-12", "scribe"),
        ("SECURITY-13", "scribe"),
        ("SECURITY-14", "scribe"),
        ("SECURITY-15", "scribe"),
        ("SECURITY-16", "scribe"),
        ("SECURITY-17", "desk"),
        ("SECURITY-18", "desk"),
        ("SECURITY-19", "desk"),
        ("SECURITY-21", "desk"),
    }, str(outcome)


def test_secret_that_everybody_reads_turns_red(
    foreign: Callable[..., Outcome],
) -> None:
    """A file in a folder that is open to all."""

    def defect(document: Document) -> None:
        document["secrets"]["door_key"]["file"] = "/etc/hostname"

    outcome = foreign("office", defect, select=("SECURITY-22",), strict=True)

    assert outcome.failed == {("SECURITY-22", "")}

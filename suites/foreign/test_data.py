"""DATA turns red for a planted defect, and for nothing else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome

pytestmark = pytest.mark.timeout(240)

Verify = Callable[..., Outcome]
LOOKED = ("DATA-01", "DATA-02", "DATA-06", "DATA-07", "DATA-08")


def _store(document: dict[str, Any]) -> dict[str, Any]:
    store: dict[str, Any] = document["services"]["store"]
    return store


@pytest.mark.parametrize("stack", ["shop", "packaged"])
def test_sound_stack(foreign: Verify, stack: str) -> None:
    """What sound stacks put into volumes survives; also the policies hold."""
    outcome = foreign(stack, select=("DATA",), strict=True)

    assert outcome.red == frozenset(), str(outcome)
    assert outcome.of("DATA-04")


@pytest.mark.gate
def test_service_clears_its_volume(foreign: Verify) -> None:
    """A service that empties its folder at every start."""

    def defect(document: dict[str, Any]) -> None:
        _store(document)["command"] += ["--wipe", "/data"]

    outcome = foreign("shop", defect, select=("DATA",))

    assert outcome.failed == {("DATA-03", "store"), ("DATA-04", "store")}, str(outcome)
    assert outcome.of("DATA-05")


def test_volume_in_memory(foreign: Verify) -> None:
    """A named volume whose driver keeps it in memory."""

    def defect(document: dict[str, Any]) -> None:
        options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
        document["volumes"]["store_data"] = {"driver_opts": options}

    outcome = foreign("shop", defect, select=("DATA",))

    assert outcome.failed == {("DATA-03", "store"), ("DATA-04", "store")}, str(outcome)


def test_second_start_fails(foreign: Verify) -> None:
    """A service that stumbles over the lock file that it left in its volume."""

    def defect(document: dict[str, Any]) -> None:
        _store(document)["command"] += ["--lock", "/data/lock"]

    outcome = foreign("shop", defect, select=("DATA-03", "DATA-04", "DATA-05"))

    assert outcome.failed == {("DATA-05", "store")}, str(outcome)


def test_service_that_never_came_up(foreign: Verify) -> None:
    """What cannot be judged of it is unknown, and nothing of others fails."""

    def defect(document: dict[str, Any]) -> None:
        worker = document["services"]["worker"]
        worker["command"] = ["python3", "-c", "raise SystemExit(3)"]

    outcome = foreign("shop", defect, select=("DATA", "DISCOVERY"))

    assert outcome.failed == frozenset(), str(outcome)
    assert all("worker" in case for case in outcome.red), str(outcome)
    assert "DATA-05[worker]" in outcome.red


def test_mount_is_hidden(foreign: Verify) -> None:
    """A volume that inspect still shows, below another mount of the kernel."""

    def cover(stack: Stack) -> None:
        pid = stack.running("store").pid
        how = ["mount", "-t", "tmpfs", "none", "/data"]
        argv = ["nsenter", f"--target={pid}", "--mount", *how]
        subprocess.run(argv, check=True, timeout=10)

    outcome = foreign("shop", select=LOOKED, after_start=cover)

    assert outcome.failed == {("DATA-01", "store")}, str(outcome)


def test_read_only_mount_is_writable(foreign: Verify) -> None:
    """A read-only mount that somebody made writable."""

    def remount(stack: Stack) -> None:
        pid = stack.running("api").pid
        how = ["mount", "-o", "remount,bind,rw", "/server.py"]
        argv = ["nsenter", f"--target={pid}", "--mount", *how]
        subprocess.run(argv, check=True, timeout=10)

    outcome = foreign("shop", select=LOOKED, after_start=remount)

    assert outcome.failed == {("DATA-01", "api")}, str(outcome)


def test_volume_at_the_wrong_path(foreign: Verify) -> None:
    """A service that writes beside its volume."""

    def defect(document: dict[str, Any]) -> None:
        store = _store(document)
        store["read_only"] = False
        store["command"][-1] = "/srv/store.txt"

    outcome = foreign("shop", defect, select=LOOKED, strict=True)

    assert outcome.failed == {("DATA-07", "store")}, str(outcome)
    assert "/srv/store.txt" in str(outcome)


def test_anonymous_and_unused_volumes(foreign: Verify) -> None:
    """A volume without a name, and one that nobody mounts."""

    def defect(document: dict[str, Any]) -> None:
        web = document["services"]["web"]
        web["volumes"] = [*web["volumes"], "/cache"]
        document["volumes"]["attic"] = {}

    outcome = foreign("shop", defect, select=LOOKED, strict=True)

    assert outcome.failed == {("DATA-06", "web"), ("DATA-08", "")}, str(outcome)


def test_volume_was_made_by_hand(foreign: Verify) -> None:
    """A volume that is older than what the file says of it."""

    def defect(document: dict[str, Any]) -> None:
        document["volumes"]["store_data"] = {"labels": {"backup": "daily"}}

    def remake(stack: Stack) -> None:
        name = stack.model.volumes["store_data"].engine_name
        stack.compose.down()
        stack.engine.volumes.create(name)
        stack.compose.up()
        stack.settle()

    outcome = foreign("shop", defect, select=LOOKED, after_start=remake)

    assert outcome.failed == {("DATA-02", "")}, str(outcome)


def test_job_that_fails_takes_no_blame_along(foreign: Verify) -> None:
    """`up` gives up because of it; what does not need it is awaited all the same."""

    def defect(document: dict[str, Any]) -> None:
        document["services"]["migrate"]["command"] += ["--code", "1"]
        _store(document)["command"] += ["--delay", "3"]

    outcome = foreign("shop", defect, select=("OPS-12", "DATA-05"))

    assert outcome.failed == {("OPS-12", "migrate")}, str(outcome)
    assert outcome.red == {
        "OPS-12[migrate]",
        *(f"DATA-05[{name}]" for name in ("migrate", "api", "web")),
    }, str(outcome)

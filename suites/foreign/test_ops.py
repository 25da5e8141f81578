"""What runs differs from the file, does not stay up, or logs badly: OPS turns red."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome

pytestmark = pytest.mark.timeout(120)

Document = dict[str, Any]
Changed = Callable[[Callable[[Document], object]], Callable[[Stack], None]]
FAMILY = ("OPS",)


def test_sound_stack_is_green_even_when_strict(
    foreign: Callable[..., Outcome],
) -> None:
    """Nothing in it is against a promise or good practice."""
    outcome = foreign("office", select=FAMILY, strict=True)

    assert outcome.red == frozenset(), str(outcome)


def drift(services: Document) -> None:
    """Run something else than the file says."""
    desk, scribe = services["desk"], services["scribe"]
    desk["environment"]["ROOM"] = "cellar"
    desk["labels"] = {"office.floor": "3"}
    desk["sysctls"] = {}
    desk["extra_hosts"] = []
    desk["oom_score_adj"] = 0
    desk["secrets"] = [{"source": "door_key"}]
    scribe["logging"]["options"] = {"max-size": "1m"}
    scribe["tmpfs"] = []


@pytest.mark.gate
def test_drift_turns_red(foreign: Callable[..., Outcome], changed: Changed) -> None:
    """By aspect, and by Compose's own hash."""
    outcome = foreign("office", select=FAMILY, after_start=changed(drift))

    assert {name for name in outcome.red if name.startswith("OPS-01")} == {
        "OPS-01[desk: environment]",
        "OPS-01[desk: labels]",
        "OPS-01[desk: sysctls]",
        "OPS-01[desk: extra_hosts]",
        "OPS-01[scribe: logging]",
        "OPS-01[scribe: mounts]",
    }
    others = {pair for pair in outcome.failed if pair[0] != "OPS-01"}
    assert others == {
        ("OPS-02", "desk"),
        ("OPS-02", "scribe"),
        ("OPS-06", "scribe"),
        ("OPS-15", "desk"),
        ("OPS-16", "desk"),
    }, str(outcome)


def test_containers_that_the_file_does_not_know_turn_red(
    foreign: Callable[..., Outcome], changed: Changed
) -> None:
    """One of an unknown service, and one replica too many."""

    def more(services: Document) -> None:
        services["ghost"] = services["scribe"] | {"environment": {"ROOM": "none"}}
        services["scribe"] = services["scribe"] | {"deploy": {"replicas": 2}}

    outcome = foreign("office", select=FAMILY, after_start=changed(more))

    assert outcome.failed == {
        ("OPS-02", "scribe"),
        ("OPS-03", ""),
        ("OPS-04", "scribe"),
    }, str(outcome)


def bad_logs(document: Document) -> None:
    """Log nothing, without a limit, to nowhere."""
    desk, scribe = document["services"]["desk"], document["services"]["scribe"]
    code = "import signal; signal.signal(15, lambda *_: exit(0)); signal.pause()"
    desk["command"] = ["python3", "-c", code]
    desk["logging"] = {"driver": "json-file"}
    scribe["logging"] = {"driver": "none"}


def test_bad_logs_turn_red_when_strict(foreign: Callable[..., Outcome]) -> None:
    """Each at its service."""
    outcome = foreign("office", bad_logs, select=FAMILY, strict=True)

    assert outcome.failed == {
        ("OPS-07", "desk"),
        ("OPS-08", "scribe"),
        ("OPS-09", "desk"),
        ("OPS-09", "scribe"),
    }, str(outcome)


def crash(document: Document) -> None:
    """End at once: with a policy that starts it again, and without."""
    for name, policy in (("scribe", "always"), ("desk", "no")):
        service = document["services"][name]
        service["command"] = ["python3", "-c", "raise SystemExit(3)"]
        service["restart"] = policy


def test_services_that_do_not_stay_turn_red(foreign: Callable[..., Outcome]) -> None:
    """A loop as well as an end."""
    outcome = foreign("office", crash, select=("OPS-10", "OPS-12"))

    assert outcome.failed == {("OPS-10", "desk"), ("OPS-10", "scribe")}, str(outcome)


def second_attempt(document: Document) -> None:
    """Come up at the second attempt only."""
    scribe = document["services"]["scribe"]
    code = (
        "import os, signal, sys\n"
        "if not os.path.exists('/keep/x'): open('/keep/x', 'w'); sys.exit(1)\n"
        "print('up', flush=True)\n"
        "signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"
    )
    scribe["command"] = ["python3", "-c", code]
    scribe["user"] = "0"
    scribe["volumes"] = ["kept:/keep"]
    document["volumes"] = {"kept": {}}


def test_second_attempt_is_told_when_strict(foreign: Callable[..., Outcome]) -> None:
    """One restart is no loop."""
    outcome = foreign("office", second_attempt, select=FAMILY, strict=True)

    assert outcome.failed == {("OPS-11", "scribe")}, str(outcome)


def failing(document: Document) -> None:
    """Let the one-shot fail."""
    document["services"]["setup"]["command"] = ["python3", "-c", "raise SystemExit(3)"]


def test_one_shot_turns_red(foreign: Callable[..., Outcome]) -> None:
    """Only the one-shot: what waits for it was never started."""
    outcome = foreign("office", failing, select=("OPS-10", "OPS-12"))

    assert outcome.failed == {("OPS-12", "setup")}, str(outcome)


def test_secret_that_the_user_cannot_read_turns_red(
    foreign: Callable[..., Outcome],
) -> None:
    """It is mounted, and of no use."""

    def close(stack: Stack) -> None:
        (grant,) = {str(c["file"]) for c in stack.document["secrets"].values()}
        Path(grant).chmod(0o400)

    outcome = foreign("office", select=FAMILY, after_start=close)

    assert outcome.failed == {("OPS-15", "desk")}, str(outcome)


def test_end_at_once_does_not_hide_a_slow_start(
    foreign: Callable[..., Outcome],
) -> None:
    """A service that is gone is not awaited; one that still starts is, and judged."""

    def defect(document: Document) -> None:
        services = document["services"]
        services["worker"]["restart"] = "no"
        services["worker"]["command"] = ["python3", "-c", "raise SystemExit(3)"]
        services["web"]["command"] += ["--delay", "6"]

    outcome = foreign("shop", defect, select=("OPS-10", "STOP-01"))

    assert outcome.failed == {("OPS-10", "worker")}, str(outcome)
    assert outcome.red == {"OPS-10[worker]", "STOP-01[worker]"}, str(outcome)


def test_name_that_two_containers_would_need_turns_red(
    foreign: Callable[..., Outcome],
) -> None:
    """Compose takes such a file, and cannot start it; the copy has other names."""

    def defect(document: Document) -> None:
        document["services"]["scribe"]["container_name"] = "office-desk"

    outcome = foreign("office", defect, select=FAMILY)

    assert outcome.failed == {("OPS-05", "desk"), ("OPS-05", "scribe")}, str(outcome)


class EngineOfAnHourAgo(DockerClient):
    """The real engine, whose host's clock is an hour slow.

    Nobody may change the clock of the host that tests run on, and no namespace holds
    it; so the one answer that tells the engine's time is what is changed.
    """

    def info(self, *args: Any, **kwargs: Any) -> Any:
        """Return what the engine says, with its time of an hour ago."""
        answer = super().info(*args, **kwargs)
        at = datetime.fromisoformat(answer["SystemTime"]) - timedelta(hours=1)
        return answer | {"SystemTime": at.isoformat()}


def test_engine_with_another_time_turns_red_when_strict(foreign: Any) -> None:
    """An hour apart; all else is as it was."""
    engine = EngineOfAnHourAgo.from_env()
    with closing(engine):
        outcome = replace(foreign, engine=engine)("office", select=FAMILY, strict=True)

    assert outcome.failed == {("OPS-13", "")}, str(outcome)
    (found,) = outcome.of("OPS-13")
    assert found.finding.observed.startswith("-3600.")


def shifted(document: Document) -> None:
    """Let a service move its own clocks: it makes itself a time namespace."""
    scribe = document["services"]["scribe"]
    scribe["command"] = [
        *("unshare", "--time", "--boottime", "3600", "--monotonic", "3600"),
        *scribe["command"],
    ]
    scribe["user"] = "0"
    scribe["cap_add"] = ["SYS_ADMIN", "SYS_TIME"]
    scribe["security_opt"] = ["seccomp=unconfined"]


def test_shifted_clocks_turn_red_when_strict(foreign: Callable[..., Outcome]) -> None:
    """Boot and monotonic time of one service; nothing of the host is changed."""
    outcome = foreign("office", shifted, select=FAMILY, strict=True)

    assert outcome.failed == {("OPS-14", "scribe")}, str(outcome)
    (found,) = outcome.of("OPS-14", "scribe")
    assert found.finding.observed == "clocks are shifted by up to 3600 s"

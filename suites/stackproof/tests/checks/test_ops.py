"""Restarts, one-shots, grants, logs and clocks are judged as they are."""

from __future__ import annotations

from typing import Any

import pytest

from stackproof.check import Finding, Verdict
from stackproof.checks.granted import Grant, grants, judge_grant
from stackproof.checks.logs import rotation
from stackproof.checks.operation import clock
from stackproof.checks.ops import CHECKS
from stackproof.checks.processes import Inside, Path, Process
from stackproof.checks.running import (
    judge_no_restart,
    judge_one_shot,
    judge_stays_up,
)
from stackproof.events import Event
from stackproof.verify.container import Inspected, parse_inspected
from stackproof.verify.standing import Standing, Stood

_STARTED = "2026-01-01T00:00:00Z"
_THEN = 1767225600.0


def container(status: str, *, code: int = 0, restarts: int = 0) -> Inspected:
    """Return a container that was started at a known time."""
    return parse_inspected(
        {
            "Id": "abc",
            "RestartCount": restarts,
            "State": {"Status": status, "ExitCode": code, "StartedAt": _STARTED},
        }
    )


def stood(standing: Standing) -> Stood:
    """Return how the service stands."""
    return Stood(service="web", standing=standing, reason="as told")


def test_ids_and_texts_are_complete() -> None:
    """Each check has a title and all its texts, and only reads."""
    for check in CHECKS:
        assert all((check.title, check.proves, check.how, check.why, check.fix))
        assert check.live


@pytest.mark.parametrize(
    ("row", "standing", "later", "verdict"),
    [
        (container("running"), Standing.SOUND, 9.0, Verdict.PASS),
        (container("running"), Standing.WAITING, 9.0, Verdict.PASS),
        (container("running", restarts=1), Standing.SOUND, 9.0, Verdict.PASS),
        (container("running", restarts=3), Standing.SOUND, 9.0, Verdict.FAIL),
        (container("running", restarts=3), Standing.SOUND, 9000.0, Verdict.PASS),
        (container("restarting", code=1), Standing.WAITING, 9.0, Verdict.FAIL),
        (container("exited", code=1), Standing.ENDED, 9.0, Verdict.FAIL),
        (container("exited"), Standing.SOUND, 9.0, Verdict.PASS),
        (container("created"), Standing.ABSENT, 9.0, Verdict.UNKNOWN),
    ],
)
def test_service_stays_up(
    row: Inspected, standing: Standing, later: float, verdict: Verdict
) -> None:
    """A loop or an end is a failure; old restarts of a live stack are none."""
    found = judge_stays_up([row], stood(standing), now=_THEN + later)

    assert found.verdict is verdict


@pytest.mark.parametrize(
    ("status", "runs", "later", "verdict"),
    [
        ("running", [0.1, 0.2, 0.1], 9.0, Verdict.PASS),
        ("running", [0.1, 0.2, 0.1], 2.0, Verdict.FAIL),
        ("running", [5.0, 5.0, 5.0], 9.0, Verdict.FAIL),
        ("running", [5.0, 5.0, 5.0], 10.0, Verdict.PASS),
        ("running", [], 9.0, Verdict.FAIL),
        ("restarting", [0.1, 0.1, 0.1], 9.0, Verdict.FAIL),
        ("exited", [0.1, 0.1, 0.1], 9.0, Verdict.FAIL),
    ],
)
def test_loop_is_over_when_a_run_outlasts_it(
    status: str, runs: list[float], later: float, verdict: Verdict
) -> None:
    """Who tries until a peer is there is no loop; who crashes slowly is one."""
    events = []
    for seconds in runs:
        events += [event("start"), event("die", 1, int(seconds * 1e9))]

    found = judge_stays_up(
        [container(status, code=1, restarts=3)],
        stood(Standing.SOUND if status == "running" else Standing.ENDED),
        now=_THEN + later,
        events=[*events, event("start")],
    )

    assert found.verdict is verdict


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([container("running")], Verdict.PASS),
        ([container("running"), container("running", restarts=1)], Verdict.FAIL),
        ([container("created")], Verdict.UNKNOWN),
        ([], Verdict.UNKNOWN),
    ],
)
def test_one_restart_is_told(rows: list[Inspected], verdict: Verdict) -> None:
    """It is a policy, so it does not fail by itself."""
    assert judge_no_restart(rows).verdict is verdict


def event(action: str, code: int | None = None, at: int = 0) -> Event:
    """Return an event of the one container."""
    return Event(
        time_ns=at, service="job", container="abc", action=action, exit_code=code
    )


@pytest.mark.parametrize(
    ("row", "events", "policy", "verdict"),
    [
        (container("exited"), [], "no", Verdict.PASS),
        (
            container("exited", restarts=1),
            [event("start"), event("die", 1), event("start"), event("die", 0)],
            "on-failure",
            Verdict.PASS,
        ),
        (
            container("exited"),
            [event("start"), event("die", 0), event("start"), event("die", 0)],
            "no",
            Verdict.FAIL,
        ),
        (container("exited", code=3), [], "no", Verdict.FAIL),
        (container("exited"), [], "always", Verdict.FAIL),
        (container("restarting", code=3), [], "on-failure", Verdict.FAIL),
        (container("running"), [], "no", Verdict.UNKNOWN),
        (container("created"), [], "no", Verdict.UNKNOWN),
    ],
)
def test_one_shot(
    row: Inspected, events: list[Event], policy: str, verdict: Verdict
) -> None:
    """It ends with 0 and is not run again after that."""
    assert judge_one_shot([row], events, policy=policy).verdict is verdict


GRANT = Grant(key="secrets[0]", kind="secrets", source="s", target="/s", file="/x/s")


def inside(found: Path | None, **facts: Any) -> Inside:
    """Return a container with one process and one path."""
    first: dict[str, Any] = {"name": "app", "uid": 5, "gid": 6, "effective_uid": 5}
    return Inside(processes=(Process(**first | facts),), paths={"/s": found})


def path(mode: int = 0o444, **facts: Any) -> Path:
    """Return what stands at the target."""
    plain: dict[str, Any] = {"kind": "file", "mode": mode, "uid": 0, "gid": 0}
    return Path(**{**plain, "size": 9, **facts})


@pytest.mark.parametrize(
    ("seen", "user", "good"),
    [
        (inside(path()), "5", True),
        (inside(None), "5", False),
        (inside(path(kind="folder")), "5", False),
        (inside(path(size=8)), "5", False),
        (inside(path(0o400)), "5", False),
        (inside(path(0o400)), "", True),
        (inside(path(0o400)), "0:0", True),
        (inside(path(0o400, uid=5)), "5", True),
        (inside(path(0o440, gid=6)), "5", True),
        (inside(path(0o440, gid=9), groups=frozenset({9})), "5", True),
        (
            inside(path(0o400), effective=frozenset({"CAP_DAC_OVERRIDE"})),
            "5",
            True,
        ),
    ],
)
def test_grant(seen: Inside, user: str, *, good: bool) -> None:
    """It is there, whole, and can be read by who needs it."""
    found: Finding = judge_grant(GRANT, seen, start_user=user, size=9)

    assert (found.verdict is Verdict.PASS) is good


def test_declared_mode_counts_where_compose_writes_the_file() -> None:
    """A mounted file keeps its own."""
    grant = Grant(key="configs[0]", kind="configs", source="c", target="/s", mode=0o440)
    good = judge_grant(grant, inside(path(0o440)), start_user="", size=None)
    bad = judge_grant(grant, inside(path(0o444)), start_user="", size=None)

    assert good.verdict is Verdict.PASS
    assert bad.verdict is Verdict.FAIL


def test_grants_have_their_target() -> None:
    """Short and long form, relative and absolute."""
    found = grants(
        {
            "secrets": ["a", {"source": "b", "target": "name"}, {"source": "c"}],
            "configs": [
                {"source": "d"},
                {"source": "e", "target": "/e", "mode": "0440"},
            ],
        },
        {"secrets": {"a": {"file": "/a"}}, "configs": {}},
    )

    assert [(g.key, g.target, g.file, g.mode) for g in found] == [
        ("secrets", "/run/secrets/a", "/a", None),
        ("secrets[1]", "/run/secrets/name", None, None),
        ("secrets[2]", "/run/secrets/c", None, None),
        ("configs[0]", "/d", None, None),
        ("configs[1]", "/e", None, 0o440),
    ]


@pytest.mark.parametrize(
    ("driver", "options", "good"),
    [
        ("json-file", {}, False),
        ("json-file", {"max-size": "-1"}, False),
        ("json-file", {"max-size": "10m"}, True),
        ("local", {}, True),
        ("journald", {}, True),
    ],
)
def test_rotation(driver: str, options: dict[str, str], *, good: bool) -> None:
    """Only json-file grows without end."""
    assert (rotation(driver, options) is None) is good


@pytest.mark.parametrize(
    ("apart", "uncertain", "verdict"),
    [
        (0.1, 0.0, Verdict.PASS),
        (-2.5, 0.0, Verdict.FAIL),
        (2.5, 1.0, Verdict.PASS),
    ],
)
def test_clock(apart: float, uncertain: float, verdict: Verdict) -> None:
    """A slow answer makes the difference uncertain."""
    assert clock(apart, uncertain=uncertain).verdict is verdict

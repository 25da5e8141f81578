"""RESTART judges policies from what is held and recorded."""

from __future__ import annotations

import pytest

from stackproof.check import Verdict
from stackproof.checks.restart import CHECKS
from stackproof.checks.restart_judges import (
    as_declared,
    back_after_boot,
    came_back,
    crashed,
    ended,
    exhausted,
    restarts_itself,
    stayed_down,
)
from stackproof.compose import Compose
from stackproof.contract.source import Contract
from stackproof.drills.crash import Crash
from stackproof.drills.engine import EngineRestart
from stackproof.drills.hits import Hit
from stackproof.drills.returning import Return
from stackproof.drills.stop_all import StopAll
from stackproof.events import Event
from stackproof.model import Health, Service
from stackproof.parsing import parse_config
from stackproof.restarts import Policy, Restart, parse_policy
from stackproof.verify.standing import Standing, Standings, Stood

NEEDED = {"web": frozenset({"store"}), "store": frozenset[str]()}
LONG = 10**12


def record(text: str) -> tuple[Event, ...]:
    """Return events of web from "action [code], …", one second apart, from 1 s on."""
    found = []
    for number, line in enumerate(filter(None, text.split(", ")), start=1):
        action, *code = line.split()
        healthy = action == "healthy"
        found.append(
            Event(
                time_ns=number * 1_000_000_000,
                service="web",
                container="one",
                action="health_status" if healthy else action,
                exit_code=int(code[0]) if code else None,
                health=Health.HEALTHY if healthy else None,
            )
        )
    return tuple(found)


def web(restart: str = "always") -> Service:
    """Return the service with a policy."""
    model = parse_config(f'{{"services": {{"web": {{"restart": "{restart}"}}}}}}')
    return model.services["web"]


def crash(
    text: str,
    *,
    number: int = 9,
    count: int = 0,
    back: Return | None = None,
    hands_off: int = LONG,
) -> Crash:
    """Return what became of web."""
    hit = Hit(
        service="web",
        container="one",
        number=number,
        policy=Policy(restart=Restart.NO),
        count=count,
    )
    return Crash(
        hits=(hit,),
        since=0,
        hands_off=hands_off,
        events=record(text),
        back=back or Return(),
    )


@pytest.mark.parametrize(
    ("restart", "text", "verdict"),
    [
        ("always", "die 137, start, healthy", Verdict.PASS),
        ("unless-stopped", "die 137, start", Verdict.PASS),
        ("on-failure", "die 137, start", Verdict.PASS),
        ("on-failure:2", "die 137, start", Verdict.PASS),
        ("no", "die 137", Verdict.PASS),
        ("always", "die 137", Verdict.FAIL),
        ("on-failure", "die 137", Verdict.FAIL),
        ("no", "die 137, start", Verdict.FAIL),
        ("always", "", Verdict.UNKNOWN),
        ("always", "die 1, start", Verdict.UNKNOWN),
    ],
)
def test_crash_is_answered_by_the_policy(
    restart: str, text: str, verdict: Verdict
) -> None:
    """Declared counts, not what the engine happens to hold."""
    assert crashed(crash(text), web(restart), NEEDED).verdict is verdict


@pytest.mark.parametrize(
    ("restart", "text", "verdict"),
    [
        ("always", "die 0, start", Verdict.PASS),
        ("unless-stopped", "die 143, start", Verdict.PASS),
        ("on-failure", "die 0", Verdict.PASS),
        ("on-failure", "die 0, start", Verdict.FAIL),
        ("on-failure", "die 143", Verdict.FAIL),
        ("no", "die 0", Verdict.PASS),
        ("always", "die 137, start", Verdict.UNKNOWN),
    ],
)
def test_end_is_answered_by_code_and_policy(
    restart: str, text: str, verdict: Verdict
) -> None:
    """`on-failure` looks at the exit code; a killed one shows nothing."""
    found = ended(crash(text, number=15), web(restart), NEEDED)

    assert found.verdict is verdict


def test_start_by_the_drill_is_not_the_policys() -> None:
    """What is started after the hands were off again does not count."""
    drill = crash("die 137, start", hands_off=2 * 10**9)

    assert crashed(drill, web("no"), NEEDED).verdict is Verdict.PASS
    assert crashed(drill, web("always"), NEEDED).verdict is Verdict.FAIL


def test_used_up_limit_is_taken_into_account() -> None:
    """After N restarts the engine rightly leaves a service down."""
    found = crashed(crash("die 137", count=2), web("on-failure:2"), NEEDED)

    assert found.verdict is Verdict.PASS


def test_recovery_ends_with_the_health_check() -> None:
    """Seconds from the end to the first good check."""
    found = crashed(crash("die 137, start, healthy"), web(), NEEDED)

    assert found.facts == {"recovery_seconds": 2.0}


@pytest.mark.parametrize(
    ("back", "verdict"),
    [
        (Return(lost={"web": "restarting"}), Verdict.FAIL),
        (Return(late={"web": "unhealthy"}), Verdict.FAIL),
        (Return(lost={"web": "restarting", "store": "x"}), Verdict.UNKNOWN),
        (Return(lost={"store": "restarting"}), Verdict.PASS),
    ],
)
def test_crash_without_recovery_fails(back: Return, verdict: Verdict) -> None:
    """Unless a service that it needs has not come back either."""
    found = crashed(crash("die 137, start", back=back), web(), NEEDED)

    assert found.verdict is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("die 137, start, die 137, start, die 137", Verdict.PASS),
        ("die 137, start, die 137", Verdict.FAIL),
        ("die 137, start, die 137, start, die 137, start", Verdict.FAIL),
    ],
)
def test_limit_is_counted(text: str, verdict: Verdict) -> None:
    """N restarts: no fewer, no more."""
    assert exhausted(crash(text), web("on-failure:2")).verdict is verdict


def test_absent_service_shows_nothing() -> None:
    """A service that was down before the drill is not judged."""
    found = {
        crashed(None, web(), NEEDED).verdict,
        ended(None, web(), NEEDED).verdict,
        exhausted(None, web("on-failure:2")).verdict,
    }

    assert found == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("kill, die 0, stop", Verdict.PASS),
        ("die 0, start, kill, die 0, stop", Verdict.PASS),
        ("kill, die 0, stop, start", Verdict.FAIL),
        ("die 0", Verdict.UNKNOWN),
    ],
)
def test_stop_by_hand_lasts(text: str, verdict: Verdict) -> None:
    """A start after the last stop is one too many."""
    drill = StopAll(events=record(text), stood=frozenset({"web"}))

    assert stayed_down(drill, "web", 2.0).verdict is verdict


@pytest.mark.parametrize(
    ("lost", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"web": "exited with code 7"}, Verdict.FAIL),
        ({"store": "exited with code 7"}, Verdict.PASS),
        ({"web": "starting", "store": "exited with code 7"}, Verdict.UNKNOWN),
    ],
)
def test_second_start_is_judged(lost: dict[str, str], verdict: Verdict) -> None:
    """A service that needs a new container is named."""
    drill = StopAll(
        events=(), stood=frozenset({"web", "store"}), back=Return(lost=lost)
    )

    assert came_back(drill, "web", NEEDED).verdict is verdict


def test_held_policy_is_compared() -> None:
    """Every container counts; without a condition Compose's reading is taken."""
    on_failure = Policy(restart=Restart.ON_FAILURE, retries=3)
    held = {"Name": "on-failure", "MaximumRetryCount": 3}

    assert as_declared("web", on_failure, [held, held]).verdict is Verdict.PASS
    assert as_declared("web", on_failure, [held, {}]).verdict is Verdict.FAIL
    assert as_declared("web", on_failure, []).verdict is Verdict.FAIL
    assert as_declared("web", None, [{"Name": ""}]).verdict is Verdict.PASS


def test_missing_policy_is_reported() -> None:
    """`no` is no policy."""
    assert restarts_itself(parse_policy({}), "web").verdict is Verdict.FAIL
    assert restarts_itself(None, "web").verdict is Verdict.PASS
    policy = Policy(restart=Restart.ALWAYS)
    assert restarts_itself(policy, "web").verdict is Verdict.PASS


def test_claims_account_for_the_keys() -> None:
    """One-shots have a policy and are not exercised; high limits are not reached."""
    model = parse_config(
        """{"services": {
        "job": {"restart": "on-failure:2"},
        "web": {"restart": "on-failure:9", "depends_on":
          {"job": {"condition": "service_completed_successfully"}}},
        "api": {"deploy": {"restart_policy":
          {"condition": "on-failure", "max_attempts": 2}}}}}"""
    )
    made = Contract(compose=Compose(project="", files=()), document={}, model=model)
    found = {
        check.id: [claim.subject.service for claim in check.claims(made)]
        for check in CHECKS
    }

    assert found.pop("RESTART-01") == ["api", "job", "web"]
    assert found.pop("RESTART-07") == ["api"]
    assert found.pop("RESTART-08") == []
    assert found.pop("RESTART-09") == []
    assert set(map(tuple, found.values())) == {("api", "web")}


@pytest.mark.parametrize(
    ("before", "standing", "verdict"),
    [
        ({"web"}, Standing.SOUND, Verdict.PASS),
        ({"web"}, Standing.ENDED, Verdict.FAIL),
        (set(), Standing.SOUND, Verdict.UNKNOWN),
    ],
)
def test_return_after_the_engine(
    before: set[str], standing: Standing, verdict: Verdict
) -> None:
    """A service that was up has to be up again by itself."""
    row = Stood(service="web", standing=standing, reason="")
    done = EngineRestart(
        before=frozenset(before), after=Standings(rows={"web": row}), seconds=1.0
    )

    assert back_after_boot(done, "web").verdict is verdict

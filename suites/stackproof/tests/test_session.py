"""A session starts what it needs, keeps what it sees, and leaves no gap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.errors import DockerException

from stackproof.check import (
    Case,
    Check,
    Claim,
    Finding,
    Kind,
    Phase,
    Subject,
    Verdict,
    failed,
    passed,
)
from stackproof.compose import Compose
from stackproof.contract.plan import Plan
from stackproof.contract.source import Contract
from stackproof.errors import ComposeError, UsageError
from stackproof.model import StackModel
from stackproof.testing import Answer, FakeDocker
from stackproof.verify import session as module
from stackproof.verify.session import Session, Terms
from stackproof.verify.stack import Stack
from stackproof.verify.vantage import NoVantage


class FakeApi:
    """The calls that evidence makes."""

    base_url = "http+docker://localhost"

    def containers(self, **_filters: object) -> list[dict[str, str]]:
        """Return one row."""
        return [{"Id": "1"}]

    def inspect_container(self, container: str) -> dict[str, Any]:
        """Return a running web service with a password."""
        labels = {"com.docker.compose.service": "web"}
        env = ["DB_PASSWORD=hush-hush-hush"]
        return {
            "Id": container,
            "Name": "/demo-web-1",
            "State": {"Status": "running", "Pid": 9},
            "Config": {"Labels": labels, "Env": env},
        }

    def logs(self, *_args: object, **_options: object) -> bytes:
        """Return a log that leaks."""
        return b"connecting with hush-hush-hush\n\xff\n"


class FakeEngine:
    """An engine with one container, whose `info` fails."""

    api = FakeApi()

    def info(self) -> dict[str, Any]:
        """Fail."""
        raise DockerException("gone")


def case(phase: Phase, judge: Callable[..., Finding], **more: Any) -> Case:
    """Build a case about web."""
    check = Check(
        id=f"DEMO-0{phase.value}",
        title="t",
        kind=Kind.PROMISE,
        phase=phase,
        live=True,
        proves="",
        how="",
        why="",
        fix="",
        claims=lambda _contract: (),
        judge=judge,
    )
    claim = Claim(subject=Subject(service="web"), label=phase.name, promised="p")
    return Case(check=check, claim=claim, **more)


@pytest.fixture
def plan(model: StackModel) -> Plan:
    """A plan for the demo stack."""
    docker = FakeDocker(answers={("version", "--short"): Answer(stdout="2.26.1\n")})
    compose = Compose(project="demo", files=(), run=docker)
    web = {"environment": {"DB_PASSWORD": "hush-hush-hush"}}
    return Plan(
        contract=Contract(
            compose=compose, document={"services": {"web": web}}, model=model
        ),
        cases=(),
        accounted=(),
        not_covered=(),
        unused_ignores=(),
    )


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the owned stack; tell when it comes and goes."""
    told: list[str] = []

    @contextmanager
    def owned(
        contract: Contract, *, engine: DockerClient, folder: Path, **_more: object
    ) -> Iterator[Stack]:
        told.append("start")
        try:
            yield Stack(
                contract=contract,
                compose=contract.compose,
                document=contract.document,
                model=contract.model,
                engine=engine,
                vantage=NoVantage("none"),
                owned=True,
                recorder=None,
                folder=folder,
            )
        finally:
            told.append("remove")

    monkeypatch.setattr(module, "owned_stack", owned)
    return told


def make(plan: Plan, **terms: Any) -> Session:
    """Open a session on the fake engine."""
    engine: Any = FakeEngine()
    return Session(plan, Terms(**terms), engine=engine)


def test_files_are_judged_before_anything_starts(plan: Plan, steps: list[str]) -> None:
    """The stack comes with the first case that needs it, once, and goes at the end."""
    session = make(plan)
    session.judge(case(Phase.FILE, lambda *_: passed()))
    assert steps == []
    session.judge(case(Phase.START, lambda *_: passed(), ignored="known"))
    assert steps == []
    session.judge(case(Phase.START, lambda *_: passed()))
    session.judge(case(Phase.LOOK, lambda *_: passed()))
    assert steps == ["start"]

    session.close()

    assert steps == ["start", "remove"]
    verdicts = [result.verdict for result in session.results]
    assert verdicts == [Verdict.PASS, Verdict.IGNORED, Verdict.PASS, Verdict.PASS]


def test_evidence_is_kept_without_secrets(plan: Plan, steps: list[str]) -> None:
    """Inspect and the log of the failing service, both scrubbed; gaps are named."""
    session = make(plan)
    session.judge(case(Phase.START, lambda *_: failed("down", "mend it")))

    record = session.close()

    assert record.logs == {"web": "connecting with **********\n\ufffd\n"}
    assert record.inspect["demo-web-1"]["Config"]["Env"] == ["DB_PASSWORD=**********"]
    assert record.standings["store"] == "no container"
    assert record.surroundings.compose == "2.26.1"
    assert record.surroundings.engine == ""
    assert steps == ["start", "remove"]


def test_case_without_verdict_is_unknown(plan: Plan, steps: list[str]) -> None:
    """What should have been judged and was not is no pass."""
    session = make(plan)
    done = case(Phase.FILE, lambda *_: passed())
    left = case(Phase.LOOK, lambda *_: passed())
    session.judge(done)

    session.close(expected=[done, left])

    assert [(str(r.case), r.verdict) for r in session.results] == [
        ("DEMO-00[FILE]", Verdict.PASS),
        ("DEMO-02[LOOK]", Verdict.UNKNOWN),
    ]


def test_stack_goes_when_evidence_fails(
    plan: Plan, steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interruption while evidence is kept leaves nothing behind."""

    def interrupted(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "keep_record", interrupted)
    session = make(plan)
    session.judge(case(Phase.START, lambda *_: passed()))

    with pytest.raises(KeyboardInterrupt):
        session.close()

    assert steps == ["start", "remove"]


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        (Terms(live="p", keep=True), "--keep"),
        (Terms(live="p", build=True), "--build"),
        (
            Terms(live="p", engine_restart=True),
            "--allow-engine-restart",
        ),
    ],
)
def test_live_is_only_read(terms: Terms, named: str) -> None:
    """Options that change something are refused."""
    with pytest.raises(UsageError, match=named):
        terms.check()


def test_failed_start_is_not_tried_again(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each case that needs the stack hears of the same problem."""
    tried: list[str] = []

    def owned(_contract: Contract, **_more: object) -> None:
        tried.append("start")
        raise ComposeError(("docker", "create"), 1, "no such image")

    monkeypatch.setattr(module, "owned_stack", owned)
    session = make(plan)
    cases = [case(phase, lambda *_: passed()) for phase in (Phase.START, Phase.LOOK)]
    for one in cases:
        with pytest.raises(ComposeError):
            session.judge(one)

    record = session.close(expected=cases)

    assert tried == ["start"]
    assert "no such image" in str(record.start_problem)
    assert all("no such image" in r.finding.message for r in session.results)

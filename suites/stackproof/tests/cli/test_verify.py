"""`verify` judges each case, cleans up, reports, and ends with the right code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stackproof.check import Case, Finding, Kind, Result, Verdict
from stackproof.cli import main, verify
from stackproof.contract.plan import Plan
from stackproof.errors import ComposeError
from stackproof.report.folder import read_document
from stackproof.report.record import Record
from stackproof.verify.session import Terms

Docker = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


class FakeSession:
    """Gives every case the same verdict."""

    verdict = Verdict.PASS
    error: BaseException | None = None
    closed = 0

    def __init__(
        self, plan: Plan, terms: Terms, *, engine: object, say: object
    ) -> None:
        self.results: list[Result] = []
        self.started = datetime(2026, 1, 1, tzinfo=UTC)
        self.seconds = 1.0

    def judge(self, case: Case) -> Result:
        """Return the verdict."""
        if self.error is not None:
            raise self.error
        finding = Finding(verdict=self.verdict, observed="seen", message="do this")
        self.results.append(
            Result(case=case, verdict=self.verdict, finding=finding, seconds=0.1)
        )
        return self.results[-1]

    def close(self, expected: Iterable[Case] = ()) -> Record:
        """Count."""
        type(self).closed += 1
        return Record()


@pytest.fixture
def session(
    docker_command: Docker, monkeypatch: pytest.MonkeyPatch
) -> type[FakeSession]:
    """Let `verify` use the fake."""

    class Fresh(FakeSession):
        pass

    monkeypatch.setattr(verify, "connect", lambda: None)
    monkeypatch.setattr(verify, "Session", Fresh)
    return Fresh


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.PASS, 0),
        (Verdict.NOT_PROMISED, 0),
        (Verdict.IGNORED, 0),
        (Verdict.FAIL, 1),
        (Verdict.UNKNOWN, 3),
    ],
)
def test_code_tells_the_verdict(
    session: type[FakeSession], verdict: Verdict, code: int
) -> None:
    """Unknown is no pass."""
    session.verdict = verdict

    options = ["--ignore", "ORDER-*", "--reason", "known"]
    ignored = options if verdict is Verdict.IGNORED else []

    assert main(["verify", "--select", "ORDER-01", *ignored]) == code
    assert session.closed == 1


def test_failures_are_told(session: type[FakeSession], capsys: Capture) -> None:
    """What was promised and seen, and what to do; the verdict is the last line."""
    session.verdict = Verdict.FAIL

    main(["verify", "--select", "ORDER-01"])

    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("FAIL ORDER-01[")
    assert "    observed: seen" in out
    assert "    do this" in out
    assert out[-1].startswith("demo breaks")


def test_report_is_written(
    session: type[FakeSession], tmp_path: Path, capsys: Capture
) -> None:
    """The folder is named at the end, and can be rendered and compared."""
    folder = tmp_path / "run"

    assert main(["verify", "--strict", "--report", str(folder)]) == 0

    document = json.loads((folder / "report.json").read_text())
    assert document["strict"] is True
    assert str(folder / "report.html") in capsys.readouterr().out
    assert main(["report", str(folder)]) == 0
    assert main(["diff", str(folder), str(folder), "--json"]) == 0


def test_refused_file_is_reported(
    docker_command: Docker, tmp_path: Path, capsys: Capture
) -> None:
    """It ends with 2, and the report holds the promise that is broken."""
    docker_command(code=14, stderr="env file /x/none.env not found: stat …\n")
    service = {"web": {"image": "a", "env_file": "none.env"}}
    (tmp_path / "compose.yml").write_text(json.dumps({"services": service}))

    assert main(["verify", "--report", "run"]) == 2

    assert "CONFIG-04[web: env_file]: env file /x/none.env" in capsys.readouterr().err
    document = read_document(tmp_path / "run")
    assert (document["verdict"], document["coverage"]) == ("fail", 0.0)
    (found,) = document["checks"]
    assert (found["id"], found["verdict"]) == ("CONFIG-04", "fail")
    assert found["subject"] == {"service": "web", "key": "env_file"}
    assert found["observed"] == "env file /x/none.env not found: stat …"
    assert "required: false" in found["message"]
    assert main(["report", "run"]) == 0


def test_interrupt_cleans_up(session: type[FakeSession], capsys: Capture) -> None:
    """Ctrl-C ends with 130 after the clean-up."""
    session.error = KeyboardInterrupt("SIGINT")

    assert main(["verify"]) == 130

    assert session.closed == 1
    assert "interrupted" in capsys.readouterr().err


def test_progress_is_plain_in_a_file(
    session: type[FakeSession], capsys: Capture
) -> None:
    """Without a terminal there are lines: phases and red cases."""
    session.verdict = Verdict.UNKNOWN

    main(["verify", "--select", "ORDER-01"])

    err = capsys.readouterr().err.splitlines()
    assert err[0] == "[0/3] start: 3 cases"
    assert err[1].startswith("[1/3] unknown ORDER-01[")


def test_policies_are_counted(session: type[FakeSession], capsys: Capture) -> None:
    """What the file is silent about is one line."""
    session.verdict = Verdict.NOT_PROMISED

    main(["verify", "--non-destructive"])

    out = capsys.readouterr().out
    assert "of good practice" in out
    assert Kind.POLICY.value not in out


@pytest.mark.parametrize(
    ("first", "code"), [(Verdict.FAIL, 1), (Verdict.PASS, 2)], ids=["broken", "sound"]
)
def test_stack_that_cannot_start(
    session: type[FakeSession],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    first: Verdict,
    code: int,
) -> None:
    """A broken promise found before counts; else the environment is at fault."""
    judge = FakeSession.judge

    def once(self: FakeSession, case: Case) -> Result:
        if self.results:
            raise ComposeError(("docker", "create"), 1, "no such image")
        return judge(self, case)

    session.verdict = first
    monkeypatch.setattr(session, "judge", once)

    assert main(["verify", "--select", "ORDER-01"]) == code
    assert ("no such image" in capsys.readouterr().err) is (code == 2)

"""Tests of `stackproof.contract.plan` and `.ignores`, and of the registry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from stackproof.check import (
    Check,
    Claim,
    Finding,
    Kind,
    Phase,
    Subject,
    Verdict,
    failed,
    final_verdict,
    passed,
    undecided,
)
from stackproof.compose import Compose
from stackproof.contract.ignores import Ignore, matches
from stackproof.contract.keys import NO_CONTAINER
from stackproof.contract.plan import Plan, Selection, compile_plan
from stackproof.contract.source import Contract
from stackproof.errors import SourceError, UsageError
from stackproof.parsing import parse_config
from stackproof.registry import unique

SERVICES = {"web": {"image": "w", "restart": "no"}, "db": {"image": "d", "init": True}}


def check(
    check_id: str,
    keys: Iterable[str] = (),
    *,
    phase: Phase = Phase.LOOK,
    live: bool = True,
    kind: Kind = Kind.PROMISE,
) -> Check:
    """Return a check that claims the keys of each service that declares them."""

    def claims(contract: Contract) -> Iterable[Claim]:
        return [
            Claim(
                subject=Subject(service=name, key=key),
                label=f"{name} {key}",
                promised="",
            )
            for name, service in contract.model.services.items()
            for key in keys
            if key in service.declared
        ]

    def judge(_claim: Claim, _stack: object) -> Finding:
        return passed()

    return Check(
        id=check_id,
        title="",
        kind=kind,
        phase=phase,
        live=live,
        proves="",
        how="",
        why="",
        fix="",
        claims=claims,
        judge=judge,
    )


def contract(
    written: dict[str, Any] | None = None, services: dict[str, Any] = SERVICES
) -> Contract:
    """Return a contract of two services."""
    document = {"name": "demo", "services": services}
    return Contract(
        compose=Compose(project="", files=()),
        document=document,
        model=parse_config(json.dumps(document)),
        written={Path("compose.yml"): written or {}},
    )


CHECKS = (
    check("LIMIT-01", ["init"]),
    check("STOP-01", ["restart"], phase=Phase.STOP, live=False),
    check("CONFIG-01", ["image"], phase=Phase.FILE),
)


def planned(selection: Selection, written: dict[str, Any] | None = None) -> Plan:
    """Compile the contract."""
    return compile_plan(contract(written), CHECKS, selection)


def test_cases_run_in_the_order_of_their_phases() -> None:
    """What disturbs comes last."""
    cases = [str(case) for case in planned(Selection()).cases]

    assert cases == [
        "CONFIG-01[web image]",
        "CONFIG-01[db image]",
        "LIMIT-01[db init]",
        "STOP-01[web restart]",
    ]


def test_every_key_is_accounted_for() -> None:
    """A declared key has its checks, or stands among those that nothing proves."""
    plan = compile_plan(contract(), CHECKS[1:], Selection(select=("STOP",)))

    assert {str(key): ids for key, ids in plan.accounted} == {
        "web: image": ("CONFIG-01",),
        "web: restart": ("STOP-01",),
        "db: image": ("CONFIG-01",),
        "db: init": (),
    }
    assert [(n.service, n.key) for n in plan.not_covered] == [("db", "init")]
    assert plan.coverage == 75.0


def test_of_a_service_without_containers_only_the_file_is_judged() -> None:
    """What asks for no container can neither keep nor break a promise."""
    off = {"image": "w", "init": True, "restart": "no", "deploy": {"replicas": 0}}

    plan = compile_plan(contract(services={"off": off, "on": {"init": True}}), CHECKS)

    assert [str(case) for case in plan.cases] == [
        "CONFIG-01[off image]",
        "LIMIT-01[on init]",
    ]
    assert {entry.reason for entry in plan.not_covered} == {NO_CONTAINER}


@pytest.mark.parametrize(
    ("selection", "ids"),
    [
        (Selection(select=("limit-01",)), {"LIMIT-01"}),
        (Selection(select=("STOP", "CONFIG-*")), {"STOP-01", "CONFIG-01"}),
        (Selection(destructive=False), {"CONFIG-01", "LIMIT-01"}),
        (Selection(live=True), {"CONFIG-01", "LIMIT-01"}),
    ],
)
def test_selection(selection: Selection, ids: set[str]) -> None:
    """Ids, families and patterns choose; live and gentle runs leave out."""
    assert {case.check.id for case in planned(selection).cases} == ids


def test_selection_that_means_nothing_is_refused() -> None:
    """A typing error does not make a run green."""
    with pytest.raises(UsageError, match="no check has the id 'LIMT'"):
        planned(Selection(select=("LIMT",)))


def entries(*ignore: dict[str, Any], service: str | None = None) -> dict[str, Any]:
    """Return a file as written, with exceptions."""
    block = {"x-stackproof": {"ignore": list(ignore)}}
    return {"services": {service: block}} if service else block


def test_exception_applies_to_its_subject_only() -> None:
    """The case stays, with the reason; other services are judged."""
    entry = {"id": "CONFIG-01", "subject": "web", "reason": "because"}

    plan = planned(Selection(), entries(entry))

    reasons = {str(case): case.ignored for case in plan.cases if case.ignored}
    assert reasons == {"CONFIG-01[web image]": "because"}
    assert plan.unused_ignores == ()


def test_exception_below_a_service_is_limited_to_it() -> None:
    """Its subject need not be repeated."""
    written = entries({"id": "CONFIG", "reason": "because"}, service="db")

    cases = planned(Selection(), written).cases

    assert [str(case) for case in cases if case.ignored] == ["CONFIG-01[db image]"]


def test_exception_of_the_caller_applies() -> None:
    """Beside those in the files."""
    mine = Ignore(id="STOP-*", subject="*", reason="r", origin="--ignore")

    cases = planned(Selection(ignores=(mine,))).cases

    assert [str(case) for case in cases if case.ignored] == ["STOP-01[web restart]"]


def test_unused_exception_is_reported() -> None:
    """An exception that nothing needs any more is a leftover."""
    entry = {"id": "LIMIT-01", "subject": "web", "reason": "because"}

    unused = planned(Selection(), entries(entry)).unused_ignores

    assert [str(i) for i in unused] == [
        "LIMIT-01 of web (compose.yml: x-stackproof.ignore[0])"
    ]


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (entries({"id": "LIMIT-01"}), "an exception needs a reason"),
        (entries({"id": "LIMIT-01", "reason": " "}), "an exception needs a reason"),
        (entries({"id": "NONE-1", "reason": "r"}), "no check has the id 'NONE-1'"),
        (entries({"id": "LIMIT-01", "why": "r"}), "unknown key why"),
        ({"x-stackproof": {"ignore": "LIMIT-01"}}, "expected a list"),
        ({"x-stackproof": {"ignore": ["LIMIT-01"]}}, "expected {id, subject, reason}"),
        ({"x-stackproof": {"ignores": []}}, "expected `ignore"),
    ],
)
def test_bad_exception_is_refused(written: dict[str, Any], problem: str) -> None:
    """The message names file and place."""
    with pytest.raises(SourceError, match=r"^compose\.yml: x-stackproof") as err:
        planned(Selection(), written)

    assert problem in str(err.value)


@pytest.mark.parametrize(
    ("selector", "check_id", "meant"),
    [
        ("ORDER", "ORDER-01", True),
        ("order-0?", "ORDER-01", True),
        ("ORDER-01", "ORDER-011", False),
        ("ORD", "ORDER-01", False),
    ],
)
def test_selector(selector: str, check_id: str, *, meant: bool) -> None:
    """Ids, families and patterns, in upper or lower case."""
    assert matches(selector, check_id) is meant


def test_ids_are_unique() -> None:
    """Two rules cannot share an id."""
    with pytest.raises(UsageError, match="two checks have the id X-01"):
        unique([check("X-01"), check("X-01")])


@pytest.mark.parametrize(
    ("kind", "finding", "ignored", "strict", "verdict"),
    [
        (Kind.PROMISE, failed("", ""), None, False, Verdict.FAIL),
        (Kind.POLICY, failed("", ""), None, False, Verdict.NOT_PROMISED),
        (Kind.POLICY, failed("", ""), None, True, Verdict.FAIL),
        (Kind.POLICY, undecided(""), None, False, Verdict.UNKNOWN),
        (Kind.PROMISE, passed(), None, True, Verdict.PASS),
        (Kind.PROMISE, failed("", ""), "because", True, Verdict.IGNORED),
    ],
)
def test_final_verdict(
    kind: Kind,
    finding: Finding,
    ignored: str | None,
    verdict: Verdict,
    *,
    strict: bool,
) -> None:
    """Only a broken policy depends on strictness."""
    (case,) = compile_plan(contract(), [check("X-01", ["init"], kind=kind)]).cases
    case = type(case)(check=case.check, claim=case.claim, ignored=ignored)

    assert final_verdict(case, finding, strict=strict) is verdict

"""Report a file that Compose refuses: nothing runs, and a promise is broken (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..check import Case, Check, Claim, Result, Subject, Verdict, failed
from ..compose import Compose
from ..contract.keys import Key, NotCovered
from ..contract.plan import Plan
from ..contract.refusal import Refusal
from ..contract.source import Contract
from ..parsing import parse_config

_PROMISED = "Compose takes the files"
_UNREAD = Key(service="", path="services")


def refused_plan(compose: Compose, refusal: Refusal, checks: Iterable[Check]) -> Plan:
    """Return a plan of what is known to be broken, and of nothing else."""
    (check,) = (check for check in checks if check.id == refusal.check)
    name = compose.project or compose.files[0].resolve().parent.name
    cases = tuple(
        Case(
            check=check,
            claim=Claim(
                subject=Subject(service=place.service, key=place.key),
                label=str(place),
                promised=_PROMISED,
            ),
        )
        for place in refusal.places
    )
    return Plan(
        contract=Contract(
            compose=compose,
            document={},
            model=parse_config(json.dumps({"name": name})),
        ),
        cases=cases,
        accounted=((_UNREAD, ()),),
        not_covered=(
            NotCovered(
                service=None,
                key=_UNREAD.path,
                reason="Compose refuses the files, so nothing that they say is known",
            ),
        ),
        unused_ignores=(),
    )


def refused_results(plan: Plan, refusal: Refusal) -> tuple[Result, ...]:
    """Return the cases of such a plan as failed, in the words of Compose."""
    finding = failed(refusal.problem, refusal.fix or "Correct what Compose names.")
    return tuple(
        Result(case=case, verdict=Verdict.FAIL, finding=finding, seconds=0.0)
        for case in plan.cases
    )

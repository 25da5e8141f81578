"""Compile a contract into cases, and account for every declared key (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..check import Case, Check, Claim, Phase
from ..errors import UsageError
from .ignores import Ignore, matches, read_ignores
from .keys import (
    NO_CHECK,
    NO_CONTAINER,
    Key,
    NotCovered,
    covers,
    declared_keys,
    not_covered,
)
from .source import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which cases are wanted.

    Attributes:
        select: ids, families or patterns; empty means all.
        destructive: whether checks may disturb services.
        live: whether the stack is somebody's: only checks that are safe there.
        allows: what checks may need, beside the stack itself.
        ignores: exceptions of the caller, beside those in the files.
    """

    select: tuple[str, ...] = ()
    destructive: bool = True
    live: bool = False
    allows: frozenset[str] = frozenset()
    ignores: tuple[Ignore, ...] = ()

    def wants(self, check: Check) -> bool:
        """Tell whether a check takes part."""
        if self.live and not check.live:
            return False
        if check.phase.destructive and not self.destructive:
            return False
        if not check.needs <= self.allows:
            return False
        return not self.select or any(matches(s, check.id) for s in self.select)


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be checked.

    Attributes:
        cases: in the order in which they run.
        accounted: every declared key, with the ids of the checks that prove it; none
            for those in `not_covered`. All checks count here, selected or not.
        not_covered: declared keys that nothing proves, and why.
        unused_ignores: exceptions that no case needs.
    """

    contract: Contract
    cases: tuple[Case, ...]
    accounted: tuple[tuple[Key, tuple[str, ...]], ...]
    not_covered: tuple[NotCovered, ...]
    unused_ignores: tuple[Ignore, ...]

    @property
    def coverage(self) -> float:
        """Share of the declared keys that some check proves, in per cent."""
        if not self.accounted:
            return 100.0
        proven = sum(bool(checks) for _, checks in self.accounted)
        return 100.0 * proven / len(self.accounted)


def compile_plan(
    contract: Contract, checks: Iterable[Check], selection: Selection = EVERYTHING
) -> Plan:
    """Return the cases that follow from a contract.

    Raises:
        SourceError: an exception in a file is not complete.
        UsageError: a selection matches no check.
    """
    known = sorted(checks, key=lambda check: (check.phase, check.id))
    for selector in selection.select:
        if not any(matches(selector, check.id) for check in known):
            raise UsageError(f"no check has the id {selector!r}; see `stackproof list`")
    ignores = (*read_ignores(contract.written, known), *selection.ignores)
    every = [
        Case(check=check, claim=claim)
        for check in known
        for claim in check.claims(contract)
        if not _nothing_to_see(check, claim, contract)
    ]
    keys = declared_keys(contract.document)
    accounted = _account(keys, every)
    idle = {s.name for s in contract.model.services.values() if not s.replicas}
    used: set[Ignore] = set()
    cases = []
    for case in every:
        applying = [i for i in ignores if i.applies(case.check, case.claim)]
        used.update(applying)
        if selection.wants(case.check):
            reason = applying[0].reason if applying else None
            cases.append(Case(check=case.check, claim=case.claim, ignored=reason))
    return Plan(
        contract=contract,
        cases=tuple(cases),
        accounted=accounted,
        not_covered=tuple(
            replace(entry, reason=NO_CONTAINER)
            if entry.service in idle and entry.reason == NO_CHECK
            else entry
            for entry in not_covered(
                keys, (key for key, proven in accounted if not proven)
            )
        ),
        unused_ignores=tuple(ignore for ignore in ignores if ignore not in used),
    )


def _nothing_to_see(check: Check, claim: Claim, contract: Contract) -> bool:
    """Tell whether a check looks at containers of a service that wants none."""
    service = contract.model.services.get(claim.subject.service or "")
    return check.phase > Phase.START and service is not None and service.replicas == 0


def _account(
    keys: Iterable[Key], cases: Iterable[Case]
) -> tuple[tuple[Key, tuple[str, ...]], ...]:
    claimed: dict[str, dict[str, set[str]]] = {}
    for case in cases:
        below = claimed.setdefault(case.claim.subject.service or "", {})
        for path in case.claim.covered:
            below.setdefault(path, set()).add(case.check.id)
    return tuple(
        (key, tuple(sorted(_proving(key.path, claimed.get(key.service, {})))))
        for key in keys
    )


def _proving(path: str, claimed: dict[str, set[str]]) -> set[str]:
    return {
        check_id
        for claim, ids in claimed.items()
        if covers(claim, path)
        for check_id in ids
    }

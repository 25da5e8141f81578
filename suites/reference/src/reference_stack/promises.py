"""The compiled promises of the reference stack, as parameters of a suite's tests.

A test that takes the argument `promise` and is marked with the families that it proves,
`@pytest.mark.promises("LIMIT")`, runs once for each case of these families in each
variant that its module names in `VARIANTS`. All cases of a variant share one stack, and
run in the order of their phases: what disturbs comes last. With `destructive=False` in
the mark, that is left out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import docker
import pytest
from docker import DockerClient

from stackproof import StackEvidence, engine_inspect, find_free_subnet
from stackproof.check import Case, Phase, Result, Verdict
from stackproof.contract.plan import Plan, compile_plan
from stackproof.contract.source import read_contract
from stackproof.pytest_plugin import WatchStack
from stackproof.registry import all_checks
from stackproof.verify.owned import owned_stack
from stackproof.verify.run import Judge
from stackproof.verify.stack import Options, Stack
from stackproof.verify.vantage import choose_vantage, on_this_host

from .project import SourceKind, StackProject, Variant, prepare
from .stack import ReferenceStack

MARK = "promises"
ARGUMENT = "promise"
_GREEN = frozenset({Verdict.PASS, Verdict.IGNORED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One case, and the variant of the stack that makes it."""

    variant: Variant
    case: Case

    def __str__(self) -> str:
        return f"{self.variant}: {self.case}"


@dataclass(slots=True)
class Prepared:
    """The projects of a session, made while tests are collected."""

    source: SourceKind
    cleanup: ExitStack = field(default_factory=ExitStack)
    projects: dict[Variant, StackProject] = field(default_factory=dict)
    plans: dict[Variant, Plan] = field(default_factory=dict)

    def project(self, variant: Variant) -> StackProject:
        """Return the project of a variant."""
        if variant not in self.projects:
            temporary = tempfile.TemporaryDirectory(prefix=f"{variant}-")
            folder = Path(self.cleanup.enter_context(temporary))
            engine = docker.from_env()
            self.projects[variant] = prepare(
                folder,
                source=self.source,
                variant=variant,
                subnet=find_free_subnet(engine),
            )
            engine.close()
        return self.projects[variant]

    def plan(self, variant: Variant) -> Plan:
        """Return all that the compose files of a variant promise."""
        if variant not in self.plans:
            contract = read_contract(self.project(variant).compose)
            self.plans[variant] = compile_plan(contract, all_checks())
        return self.plans[variant]

    def promises(
        self, variants: tuple[Variant, ...], mark: pytest.Mark
    ) -> list[Promise]:
        """Return the cases of the marked families in some variants."""
        gentle = not mark.kwargs.get("destructive", True)
        return [
            Promise(variant=variant, case=case)
            for variant in variants
            for case in self.plan(variant).cases
            if case.check.family in mark.args
            and not (gentle and case.check.phase.destructive)
        ]


@dataclass(slots=True)
class Proofs:
    """Starts a copy of one variant at a time, and judges promises on it."""

    prepared: Prepared
    engine: DockerClient
    watch_stack: WatchStack
    variant: Variant | None = None
    opened: ExitStack = field(default_factory=ExitStack)
    judge: Judge | None = None

    def prove(self, promise: Promise) -> Result:
        """Judge one case on its variant's stack, which is started when need be."""
        return self._judge_of(promise.variant).one(promise.case)

    def reference(self, variant: Variant) -> ReferenceStack:
        """Return the running copy of a variant."""
        stack = self._judge_of(variant).stack
        project = self.prepared.project(variant)
        copy = replace(project, name=stack.compose.project, files=stack.compose.files)
        return ReferenceStack(
            project=copy,
            model=stack.model,
            engine=self.engine,
            recorder=stack.events,
        )

    def _judge_of(self, variant: Variant) -> Judge:
        if self.judge is None or self.variant is not variant:
            self.opened.close()
            self.variant = variant
            self.judge = Judge(self._start(variant), strict=True)
        return self.judge

    def _start(self, variant: Variant) -> Stack:
        folder = self.opened.enter_context(tempfile.TemporaryDirectory())
        stack = self.opened.enter_context(
            owned_stack(
                self.prepared.plan(variant).contract,
                engine=self.engine,
                folder=Path(folder),
                options=Options(),
            )
        )
        evidence = StackEvidence(
            compose=stack.compose,
            inspect=engine_inspect(self.engine),
            timeline=lambda: stack.events.timeline,
        )
        self.opened.enter_context(self.watch_stack(evidence))
        return stack


def proof_stack(running: ReferenceStack, plan: Plan) -> Stack:
    """Return a stack that a suite has started itself, for checks to look at."""
    project = running.project
    stack = Stack(
        contract=plan.contract,
        compose=project.compose,
        document=plan.contract.document,
        model=plan.contract.model,
        engine=running.engine,
        vantage=choose_vantage(
            project.name, helper_image=None, local=on_this_host(running.engine)
        ),
        owned=True,
        recorder=running.recorder,
        folder=project.secrets.parent,
    )
    stack.expect_no_more()
    return stack


def assert_proven(result: Result) -> None:
    """Fail unless a promise was shown to hold.

    Raises:
        AssertionError: it does not hold, or could not be decided.
    """
    __tracebackhide__ = True
    found = result.finding
    assert result.verdict in _GREEN, (  # noqa: S101 - it is what a test calls
        f"{result.case}: {result.verdict}\n"
        f"promised: {result.case.claim.promised}\n"
        f"observed: {found.observed}\n{found.message}"
    )


def prepared_of(config: pytest.Config) -> Prepared:
    """Return the session's projects."""
    return config.stash[_PREPARED]


_PREPARED = pytest.StashKey[Prepared]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark and make room for the session's projects."""
    config.addinivalue_line("markers", f"{MARK}(*families): families to be proven")
    config.stash[_PREPARED] = Prepared(
        source=config.getoption("--source"),
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the files of the session's projects."""
    config.stash[_PREPARED].cleanup.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test its promises, those of the families that it is marked with."""
    if ARGUMENT not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker(MARK)
    if mark is None:
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: no mark {MARK!r}")
    variants: tuple[Variant, ...] = getattr(
        metafunc.module, "VARIANTS", (Variant.PRODUCTION,)
    )
    promises = metafunc.config.stash[_PREPARED].promises(variants, mark)
    metafunc.parametrize(ARGUMENT, promises, ids=str)


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Run the promises of one variant after the other, each by phase.

    Other tests come in between: when the first variant has been looked at, and nothing
    of it has been disturbed yet.
    """

    def place(item: pytest.Item) -> tuple[int, int]:
        promise = _promise_of(item)
        if promise is None:
            return (0, Phase.LOOK)
        return (list(Variant).index(promise.variant), promise.case.check.phase)

    if config.getoption("--non-destructive"):
        left_out = [item for item in items if place(item)[1] > Phase.LOOK]
        items[:] = [item for item in items if place(item)[1] <= Phase.LOOK]
        config.hook.pytest_deselected(items=left_out)
    items.sort(key=place)


def _promise_of(item: pytest.Item) -> Promise | None:
    promise = getattr(item, "callspec", None) and item.callspec.params.get(ARGUMENT)  # type: ignore[attr-defined]
    return promise if isinstance(promise, Promise) else None


@pytest.fixture(scope="session")
def proofs(
    engine: DockerClient, pytestconfig: pytest.Config, watch_stack: WatchStack
) -> Iterator[Proofs]:
    """Judge promises on copies of the stack; the last copy goes at the end."""
    made = Proofs(prepared_of(pytestconfig), engine, watch_stack)
    with ExitStack() as cleanup:
        cleanup.callback(made.opened.close)
        yield made

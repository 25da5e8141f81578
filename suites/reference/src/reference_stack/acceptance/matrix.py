"""Run scenarios as they are asked for, each once, on a stack that many share."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from docker import DockerClient

from stackproof.check import Finding, Verdict
from stackproof.report.matrix import (
    Cell,
    CellVerdict,
    MatrixCheck,
    MatrixResults,
    ScenarioResult,
)
from stackproof.verify.stack import Stack

from ..project import LONG_RUNNING, SourceKind
from ..stack import ReferenceStack
from .checks import Check, judged
from .observation import Observation
from .owned import acceptance_stack
from .run import run_scenario
from .scenario import Scenario
from .world import World, traffic_for

RATE = 300.0
"""Events a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How scenarios are run.

    Attributes:
        rate: events a second.
        seed: repeats what is left to chance.
        flow_seconds: so long events flow after the cure, beside what a fault needs.
        version: of our images, if not the one of the environment file.
    """

    rate: float = RATE
    seed: int = 0
    flow_seconds: float = 0.0
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A scenario that was run: what it has shown, and where its history is."""

    seen: Observation
    folder: Path
    seconds: float


@dataclass(slots=True, kw_only=True)
class Matrix:
    """The scenarios of a session; `close` must follow, whatever happens.

    A stack is used again as long as its scenarios leave it well.
    """

    engine: DockerClient
    terms: Terms
    checks: tuple[Check, ...]
    folder: Path
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    ran: dict[str, Ran] = field(default_factory=dict)
    _opened: ExitStack = field(default_factory=ExitStack)
    _stack: tuple[ReferenceStack, Stack] | None = None

    def observe(self, scenario: Scenario) -> Observation:
        """Return what a scenario has shown; it is run the first time."""
        if scenario.name not in self.ran:
            self.ran[scenario.name] = self.run(scenario)
        return self.ran[scenario.name].seen

    def run(self, scenario: Scenario) -> Ran:
        """Run a scenario now; its history goes into a folder of its name."""
        begun = time.monotonic()
        world = self._world(scenario)
        folder = self.folder / scenario.name
        with world.cleanup:
            seen = run_scenario(world, scenario, self.checks, folder)
        if seen.problems or scenario.spoils:
            # Whatever comes next must not answer for it.
            self.close()
        return Ran(seen=seen, folder=folder, seconds=time.monotonic() - begun)

    def results(self) -> MatrixResults:
        """Return all that was run, for the report."""
        return MatrixResults(
            project="ha-ingestor",
            started=self.started,
            seconds=(datetime.now(UTC) - self.started).total_seconds(),
            checks=tuple(
                MatrixCheck(id=check.name, title=check.promise) for check in self.checks
            ),
            services=LONG_RUNNING,
            scenarios=tuple(self._result(ran) for ran in self.ran.values()),
            settings={
                "events a second": self.terms.rate,
                "seed": self.terms.seed,
                "flow_seconds": self.terms.flow_seconds,
                "version": self.terms.version,
            },
        )

    def _result(self, ran: Ran) -> ScenarioResult:
        scenario = ran.seen.scenario
        return ScenarioResult(
            name=scenario.name,
            title=scenario.title,
            disturbance=scenario.disturbance,
            services=scenario.hits,
            source=str(scenario.source),
            seconds=ran.seconds,
            cells={
                check.name: cell_of(judged(check, ran.seen)) for check in self.checks
            },
            judgement=ran.seen.judgement,
            problem="; ".join(ran.seen.problems) or None,
            evidence=ran.folder.relative_to(self.folder).as_posix(),
            seed=self.terms.seed,
            repeat="tox run -e prod-acceptance -- "
            f"{scenario.repeat or f'--scenario {scenario.name}'} "
            f"--seed {self.terms.seed} --rate {self.terms.rate:g}",
        )

    def close(self) -> None:
        """Remove the stack that is up, if there is one."""
        self._stack = None
        self._opened.close()

    def _world(self, scenario: Scenario) -> World:
        stack, proof = self._stack_of(scenario.source)
        return World(
            stack=stack,
            proof=proof,
            traffic=traffic_for(stack),
            rate=self.terms.rate,
            flow_seconds=self.terms.flow_seconds,
            seed=self.terms.seed,
            chance=random.Random(  # noqa: S311 - a seed has to repeat it
                f"{self.terms.seed} {scenario.name}"
            ),
        )

    def _stack_of(self, source: SourceKind) -> tuple[ReferenceStack, Stack]:
        if self._stack is None or self._stack[0].project.source is not source:
            self.close()
            started = acceptance_stack(self.engine, source, version=self.terms.version)
            self._stack = self._opened.enter_context(started)
        return self._stack


def cell_of(found: Finding) -> Cell:
    """Return a finding as a cell of the report (pure)."""
    told = found.message or found.observed
    return Cell(
        verdict=CellVerdict(str(found.verdict)),
        message="" if found.verdict is Verdict.PASS else told,
    )

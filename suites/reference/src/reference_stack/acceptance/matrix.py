"""Run scenarios as they are asked for, each once, on a stack that many share."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from docker import DockerClient

from stackproof.check import Finding
from stackproof.verify.stack import Stack

from ..project import SourceKind
from ..stack import ReferenceStack
from .checks import Check, judged
from .observation import Observation
from .owned import acceptance_stack
from .run import run_scenario
from .scenario import Scenario
from .world import SOURCE, World, endpoint_of, traffic_for

RATE = 300.0
"""Events a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How scenarios are run.

    Attributes:
        rate: events a second.
        seed: repeats what is left to chance.
        flow_seconds: so long events flow after the cure, beside what a fault needs.
    """

    rate: float = RATE
    seed: int = 0
    flow_seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class Matrix:
    """The scenarios of a session; `close` must follow, whatever happens.

    A stack is used again as long as its scenarios leave it well.
    """

    engine: DockerClient
    terms: Terms
    checks: tuple[Check, ...]
    seen: dict[str, Observation] = field(default_factory=dict)
    _opened: ExitStack = field(default_factory=ExitStack)
    _stack: tuple[ReferenceStack, Stack] | None = None

    def observe(self, scenario: Scenario) -> Observation:
        """Return what a scenario has shown; it is run the first time."""
        if scenario.name not in self.seen:
            self.seen[scenario.name] = self.run(scenario)
        return self.seen[scenario.name]

    def run(self, scenario: Scenario) -> Observation:
        """Run a scenario now."""
        world = self._world(scenario)
        seen = run_scenario(world, scenario, self.checks)
        if seen.problems:
            # Whatever comes next must not answer for it.
            self.close()
        return seen

    def judge(self, scenario: Scenario) -> Iterable[tuple[Check, Finding]]:
        """Yield what each check finds in a scenario."""
        seen = self.observe(scenario)
        return [(check, judged(check, seen)) for check in self.checks]

    def close(self) -> None:
        """Remove the stack that is up, if there is one."""
        self._stack = None
        self._opened.close()

    def _world(self, scenario: Scenario) -> World:
        stack, proof = self._stack_of(scenario.source)
        return World(
            stack=stack,
            proof=proof,
            traffic=traffic_for(stack, endpoint_of(stack, SOURCE)),
            rate=self.terms.rate,
            flow_seconds=self.terms.flow_seconds,
            chance=random.Random(f"{self.terms.seed} {scenario.name}"),
        )

    def _stack_of(self, source: SourceKind) -> tuple[ReferenceStack, Stack]:
        if self._stack is None or self._stack[0].project.source is not source:
            self.close()
            started = acceptance_stack(self.engine, source)
            self._stack = self._opened.enter_context(started)
        return self._stack


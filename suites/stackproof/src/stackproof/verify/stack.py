"""The stack under verification, as a check sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..compose import Compose
from ..contract.source import Contract
from ..errors import ProbeError, UsageError
from ..events import EventRecorder
from ..model import StackModel
from ..wait import wait_until
from .container import Inspected, inspect_project
from .standing import Standings, settle_budget, standings
from .vantage import Vantage

if TYPE_CHECKING:
    from docker import DockerClient

T = TypeVar("T")
_EVERY_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user allows.

    Attributes:
        helper_image: a local image with python3, to probe from.
    """

    helper_image: str | None = None


@dataclass(slots=True, kw_only=True)
class Stack:
    """One running project and the ways to look at it.

    Attributes:
        contract: what the files declare.
        compose: the project that runs.
        document: the configuration that runs: the declared one on a live target; on an
            owned one the same with names, ports and paths of its own.
        model: the same, parsed.
        owned: whether this run has made it, so that it may be disturbed.
        recorder: the engine's events since before the first container; None when the
            stack was running already.
        folder: a folder for the files of this run.
        start_problem: what Compose said when `up` failed.
        notes: what was changed to keep an owned stack apart.
        expected: the services that were sound after the start; each disturbance has to
            leave them sound. Of others nothing is expected: they may come and go.
        unnamed_volumes: volumes without a name that containers of an owned stack had;
            they outlive a `down` that keeps volumes, and go with the stack.
    """

    contract: Contract
    compose: Compose
    document: Mapping[str, Any]
    model: StackModel
    engine: DockerClient
    vantage: Vantage
    owned: bool
    recorder: EventRecorder | None
    folder: Path
    options: Options = field(default_factory=Options)
    start_problem: str | None = None
    notes: tuple[str, ...] = ()
    expected: frozenset[str] | None = None
    unnamed_volumes: set[str] = field(default_factory=set)
    _once: dict[str, object] = field(default_factory=dict)

    def containers(self, service: str | None = None) -> tuple[Inspected, ...]:
        """Return the containers of a service, or of all, as they are now."""
        rows = inspect_project(self.engine, self.compose.project)
        return tuple(row for row in rows if service in {None, row.service})

    def container(self, service: str) -> Inspected:
        """Return the first container of a service, running or not.

        Raises:
            ProbeError: there is none; says why, as far as it is known.
        """
        rows = self.containers(service)
        if not rows:
            why = f": {self.start_problem}" if self.start_problem else ""
            raise ProbeError("inspect", f"{service} has no container{why}")
        return rows[0]

    def running(self, service: str) -> Inspected:
        """Return the first running container of a service.

        Raises:
            ProbeError: none runs; says how it stands.
        """
        rows = self.containers(service)
        for row in rows:
            if row.running:
                return row
        stands = self.look().rows[service].reason
        raise ProbeError("inspect", f"{service} does not run: {stands}")

    @property
    def events(self) -> EventRecorder:
        """The recorder of an owned stack.

        Raises:
            UsageError: the stack is a live one.
        """
        if self.recorder is None:
            raise UsageError("a live stack has no record of its start")
        return self.recorder

    def look(self) -> Standings:
        """Return how each service stands now."""
        return standings(self.model, self.containers(), now=time.time())

    def settle(self, *, timeout: float | None = None) -> Standings:
        """Wait until every service that was sound after the start is sound.

        Raises:
            WaitTimeout: it is not within `timeout` seconds, by default what its own
                promises add up to; holds how the services stand.
            WaitFailed: one of them has ended for good.
        """
        services = self.model.services if self.expected is None else self.expected

        def settled(seen: Standings) -> bool:
            return seen.sound_in(services)

        def ended_for_good(seen: Standings) -> bool:
            return seen.lost_in(services)

        seen = wait_until(
            self.look,
            settled,
            failed=ended_for_good,
            timeout=settle_budget(self.model) if timeout is None else timeout,
            every=_EVERY_SECONDS,
        )
        self.note_volumes()
        return seen

    def note_volumes(self) -> None:
        """Remember the volumes without a name, which nothing else leads back to."""
        for row in self.containers():
            self.unnamed_volumes.update(row.anonymous_volumes)

    def expect_no_more(self) -> None:
        """Expect of later disturbances only that they bring back what is sound now."""
        self.expected = self.look().sound_services
        self.note_volumes()

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` returned the first time that `name` was asked for.

        For observations that several claims share, such as one stop of the whole stack.
        An error is kept as well and raised again.
        """
        if name not in self._once:
            try:
                self._once[name] = make()
            except Exception as err:
                self._once[name] = err
                raise
        kept = self._once[name]
        if isinstance(kept, Exception):
            raise kept
        return cast("T", kept)

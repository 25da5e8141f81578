"""Keep what a person needs to understand a failure, before the stack is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from . import sdk
from .compose import Compose
from .errors import StackproofError
from .events import Timeline, to_json_lines
from .redaction import redacted

if TYPE_CHECKING:
    from docker import DockerClient

LOG_LINES = 200
NOT_OBSERVED = "not-observed.txt"
T = TypeVar("T")
Inspect = Callable[[str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Where the evidence is, and what is missing from it."""

    folder: Path
    not_observed: tuple[str, ...]

    def __str__(self) -> str:
        if not self.not_observed:
            return str(self.folder)
        return f"{self.folder} (not observed: {', '.join(self.not_observed)})"


def unobservable() -> tuple[type[Exception], ...]:
    """Return what may come in place of an observation."""
    return (*sdk.failures(), StackproofError, OSError, ValueError)


class EvidenceSource(Protocol):
    """Whatever can tell about a stack when a test has failed."""

    def collect(self, folder: Path) -> Collected:
        """Write what is known into `folder`, which is made if need be."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StackEvidence:
    """The evidence of one Compose project.

    Attributes:
        compose: the project.
        inspect: container id to the engine's `inspect` document.
        timeline: the recorded events, if there is a recorder.
    """

    compose: Compose
    inspect: Inspect
    timeline: Callable[[], Timeline] | None = None

    def collect(self, folder: Path) -> Collected:
        """Write ps, config, inspect, events and logs; secrets in them are hidden.

        A piece that cannot be observed is named in `not-observed.txt` instead.

        Raises:
            OSError: the folder itself cannot be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        pieces: dict[str, Callable[[], str]] = {
            "ps.txt": self._ps,
            "config.json": self._config,
            "inspect.json": self._inspect,
            "events.jsonl": self._events,
        }
        services, problem = _attempt(lambda: sorted(self.compose.model().services))
        pieces |= {
            f"{service}.log": partial(self._log, service) for service in services or ()
        }
        missing = {} if problem is None else {"logs": problem}
        for name, observe in pieces.items():
            problem = _keep(folder / name, observe)
            if problem is not None:
                missing[name] = problem
        if missing:
            lines = "".join(f"{name}: {why}\n" for name, why in missing.items())
            _keep(folder / NOT_OBSERVED, lambda: lines)
        return Collected(folder=folder, not_observed=tuple(missing))

    def _ps(self) -> str:
        rows = self.compose.ps()
        return "".join(f"{row}\n" for row in rows) or "no containers\n"

    def _config(self) -> str:
        return _pretty(redacted(json.loads(self.compose.config())))

    def _inspect(self) -> str:
        rows = self.compose.ps()
        return _pretty({row.name: redacted(self.inspect(row.id)) for row in rows})

    def _events(self) -> str:
        return to_json_lines(self.timeline().events) if self.timeline else ""

    def _log(self, service: str) -> str:
        return self.compose.logs(service, tail=LOG_LINES)


def engine_inspect(engine: DockerClient) -> Inspect:
    """Return the function that asks the engine for a container's `inspect` document."""
    return lambda container: engine.containers.get(container).attrs


def _keep(file: Path, observe: Callable[[], str]) -> str | None:
    """Write what is observed; return what went wrong."""
    _, problem = _attempt(lambda: file.write_text(observe(), "utf-8"))
    return problem


def _attempt(step: Callable[[], T]) -> tuple[T | None, str | None]:
    try:
        return step(), None
    except unobservable() as err:
        return None, f"{type(err).__name__}: {err}"


def _pretty(document: Any) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"

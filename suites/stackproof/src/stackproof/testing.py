"""Fakes for unit tests: a clock that jumps, and a Docker command with set answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class FakeClock:
    """A clock whose time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def monotonic(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Let `seconds` pass at once."""
        self.naps.append(seconds)
        self.now += seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command says and how it ends."""

    stdout: str = ""
    stderr: str = ""
    returncode: int = 0


@dataclass(slots=True)
class FakeDocker:
    """Stands in for `docker compose`: known arguments get their answer, others fail.

    Attributes:
        answers: the arguments after the project's options, to an answer or an error.
        calls: all argument lists in order, as they would have been run.
        environments: the environment of each call.
        limits: the time limit of each call, in seconds.
    """

    answers: Mapping[tuple[str, ...], Answer | Exception]
    calls: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)

    def __call__(
        self, argv: tuple[str, ...], *, env: Mapping[str, str], timeout: float
    ) -> Answer:
        """Answer one command.

        Raises:
            AssertionError: no answer was set for it.
        """
        self.calls.append(argv)
        self.environments.append(env)
        self.limits.append(timeout)
        for arguments, answer in self.answers.items():
            if argv[-len(arguments) :] == arguments:
                if isinstance(answer, Exception):
                    raise answer
                return answer
        message = f"no answer was set for: {' '.join(argv)}"
        raise AssertionError(message)

"""Restart the engine itself, and see which services come back."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .. import sdk
from ..errors import WaitTimeout
from ..restarts import returns_at_boot
from ..verify.stack import Stack
from ..verify.standing import Standings, settle_budget
from ..wait import wait_until

_ANSWER_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRestart:
    """What a restart of the engine came to.

    Attributes:
        before: services that were sound.
        after: how all stood when those that the engine starts were back, or too late.
        seconds: from the answer of the new engine to that moment.
    """

    before: frozenset[str]
    after: Standings
    seconds: float


def restart_engine(stack: Stack) -> EngineRestart:
    """Restart the engine once; what it does not start by itself is started afterwards.

    The record of events ends here: nothing that judges by it may come later.
    """
    before = stack.look().sound_services
    expected = frozenset(
        name for name in before if returns_at_boot(stack.model.services[name])
    )
    stack.vantage.probe("engine", {}, timeout=_ANSWER_SECONDS)
    wait_until(lambda: _answers(stack), bool, timeout=_ANSWER_SECONDS)
    begun = time.monotonic()

    def decided(seen: Standings) -> bool:
        # One that is lost must not cut short the time of those that still start.
        return all(
            seen.sound_in(frozenset({name})) or seen.lost_in(frozenset({name}))
            for name in expected
        )

    try:
        after = wait_until(stack.look, decided, timeout=settle_budget(stack.model))
    except WaitTimeout:
        after = stack.look()
    seconds = time.monotonic() - begun
    stack.compose.up(options=("--no-recreate",))
    return EngineRestart(before=before, after=after, seconds=seconds)


def _answers(stack: Stack) -> bool:
    try:
        return bool(stack.engine.ping())
    except (sdk.DockerException, sdk.RequestException, OSError):
        return False

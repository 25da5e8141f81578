"""Make all containers of other images, at other addresses; see what they keep."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..compose import Compose
from ..errors import ComposeError, WaitFailed, WaitTimeout
from ..sight import Report, Sight, look, names_errands, run_errands
from ..verify.stack import Stack
from ..verify.standing import settle_budget
from .markers import Kept, look_again, mark, wipe_off
from .new_images import new_images
from .placeholder import placeholder

_SPARE_SECONDS = 60.0
_MEND_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recreated:
    """What was there before and after all containers were made again.

    Attributes:
        kept: volume to what is left of it.
        lost: service to how it stands, for those that did not come back.
        note: why addresses could not be made to change.
    """

    before: Sight
    seen: Sight
    reports: Mapping[str, Report] = field(default_factory=dict)
    kept: Mapping[str, Kept] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None


def recreate(stack: Stack) -> Recreated:
    """Return what the drill recorded; it is done once a run."""
    return stack.once("recreate", lambda: _drill(stack))


def new_token() -> str:
    """Return the name of a mark that nobody else uses."""
    return f"stackproof-{secrets.token_hex(6)}"


def stop_limit(stack: Stack) -> float:
    """Return the seconds in which all containers have stopped."""
    graces = (s.stop_grace_seconds * s.replicas for s in stack.model.services.values())
    return sum(graces) + _SPARE_SECONDS


def up_again(stack: Stack, compose: Compose | None = None) -> dict[str, str]:
    """Start what is there; return the services that did not come back, and mend them.

    What cannot be mended is expected no more, so that later checks judge the rest.
    """
    budget = settle_budget(stack.model)
    try:
        (compose or stack.compose).up(timeout=budget + _SPARE_SECONDS)
        stack.settle()
    except (ComposeError, WaitFailed, WaitTimeout):
        lost = _fallen(stack)
    else:
        return {}
    try:
        stack.compose.up(options=("--no-recreate",), timeout=budget + _SPARE_SECONDS)
        stack.settle(timeout=_MEND_SECONDS)
    except (ComposeError, WaitFailed, WaitTimeout):
        stack.expect_no_more()
    return lost


def _fallen(stack: Stack) -> dict[str, str]:
    now = stack.look()
    expected = stack.expected or frozenset()
    return {name: now.rows[name].reason for name in expected - now.sound_services}


def _drill(stack: Stack) -> Recreated:
    before = look(stack)
    marked = mark(stack, new_token())
    try:
        with new_images(stack) as compose:
            compose("create", "--force-recreate", timeout=stop_limit(stack))
            with placeholder(stack) as note:
                lost = up_again(stack, compose)
                seen = look(stack)
                reports = run_errands(stack, seen, names_errands(seen))
        kept = look_again(stack, marked)
    finally:
        wipe_off(stack, marked.values())
    return Recreated(
        before=before, seen=seen, reports=reports, kept=kept, lost=lost, note=note
    )

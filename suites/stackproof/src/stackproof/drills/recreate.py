"""Make all containers of other images, at other addresses; see what they keep."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from ..compose import Compose
from ..errors import ComposeError, WaitFailed, WaitTimeout
from ..model import Health
from ..sight import Report, Sight, look, names_errands, run_errands
from ..verify.stack import Stack
from ..verify.standing import Standing, settle_budget
from .markers import Kept, look_again, mark, wipe_off
from .new_images import new_images
from .placeholder import placeholder
from .returning import await_all, now_ns

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

    `up` gives up as soon as one service fails, and leaves others as they are: those
    that were sound before are started without it. What cannot be mended is expected no
    more, so that later checks judge the rest.
    """
    made = compose or stack.compose
    limit = settle_budget(stack.model) + _SPARE_SECONDS
    expected = stack.look().rows.keys() if stack.expected is None else stack.expected
    since = now_ns(stack)
    lost: dict[str, str] = {}
    try:
        made.up(timeout=limit)
    except ComposeError:
        if stack.start_problem is None:
            lost = _failed(stack, expected)
        if expected:
            with suppress(ComposeError):
                options = ("--no-recreate",)
                made.up(*sorted(expected), options=options, timeout=limit)
    lost = await_all(stack, frozenset(expected), since) | lost
    if not lost:
        return {}
    try:
        stack.compose.up(options=("--no-recreate",), timeout=limit)
        stack.settle(timeout=_MEND_SECONDS)
    except (ComposeError, WaitFailed, WaitTimeout):
        stack.expect_no_more()
    return lost


def _failed(stack: Stack, expected: Iterable[str]) -> dict[str, str]:
    """Return what made `up` give up: services that have ended or are unhealthy."""
    rows = stack.look().rows
    bad = {row.service for row in stack.containers() if row.health is Health.UNHEALTHY}
    return {
        name: rows[name].reason
        for name in expected
        if name in bad or rows[name].standing is Standing.ENDED
    }


def _drill(stack: Stack) -> Recreated:
    before = look(stack)
    marked = mark(stack, new_token())
    try:
        with new_images(stack) as compose:
            # What could not be made at the start cannot be made again either.
            names = () if stack.start_problem is None else sorted(stack.expected or ())
            compose("create", "--force-recreate", *names, timeout=stop_limit(stack))
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

"""Take the whole stack down without its volumes, and bring it up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..verify.stack import Stack
from .markers import Kept, look_again, mark, wipe_off
from .recreate import new_token, stop_limit, up_again


@dataclass(frozen=True, slots=True, kw_only=True)
class DownUp:
    """What was left after `down` and `up`.

    Attributes:
        kept: volume to what is left of it.
        lost: service to how it stands, for those that did not come back.
    """

    kept: Mapping[str, Kept] = field(default_factory=dict)
    lost: Mapping[str, str] = field(default_factory=dict)


def down_up(stack: Stack) -> DownUp:
    """Return what the drill recorded; it is done once a run."""
    return stack.once("down and up", lambda: _drill(stack))


def _drill(stack: Stack) -> DownUp:
    marked = mark(stack, new_token())
    try:
        stack.compose.down(volumes=False, timeout=stop_limit(stack))
        lost = up_again(stack)
        kept = look_again(stack, marked)
    finally:
        wipe_off(stack, marked.values())
    return DownUp(kept=kept, lost=lost)

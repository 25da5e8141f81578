"""One fault after the other, without waiting until all is well in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from msgspec import structs

from ..scenario import Fault
from ..world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One fault of a schedule.

    Attributes:
        name: the scenario that it is from.
        fault: what is done.
        pause: seconds of traffic after it.
    """

    name: str
    fault: Fault = field(repr=False, compare=False)
    pause: float

    def __str__(self) -> str:
        return f"{self.name} {self.pause:g}"


def sequence(steps: Iterable[Step]) -> Fault:
    """Return a fault that does one thing after the other."""
    listed = tuple(steps)

    @contextmanager
    def run(world: World) -> Iterator[None]:
        for step in listed:
            with step.fault(world):
                pass
            if step.pause:
                world.await_emitted(step.pause)
        # Nobody has waited for the recovery from any but the last.
        *others, last = world.proofs
        world.proofs[:] = [
            *(structs.replace(proof, budget_us=None) for proof in others),
            last,
        ]
        yield

    return run

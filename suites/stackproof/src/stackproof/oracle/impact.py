"""How much a fault cost: windows of loss, and the time to recover (pure)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .records import FaultProof

# What is under way when a fault begins is hit too: an event needs about this long from
# the source to the disk, and the moment of the fault itself is known no better.
REACH_US = 1_000_000
_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWindow:
    """The times in which acknowledged events are missing.

    One window goes from a lost event to the next one that is stored.

    Attributes:
        count: windows.
        total_ms: their lengths together.
        longest_ms: the longest.
        windows: the first ones, as (first lost, next stored) in microseconds.
    """

    count: int = 0
    total_ms: float = 0.0
    longest_ms: float = 0.0
    windows: tuple[tuple[int, int], ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.count:,}, longest {self.longest_ms:,.1f} ms, "
            f"together {self.total_ms:,.1f} ms"
        )


NO_LOSS = LossWindow()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultImpact:
    """What one fault did.

    Attributes:
        events: acknowledged events whose times fall into it.
        lost: of those, the lost ones.
        loss: windows of loss that begin in it.
        recovery_ms: from the cure to ready again; None if that was not seen.
    """

    proof: FaultProof
    events: int
    lost: int
    loss: LossWindow

    @property
    def recovery_ms(self) -> float | None:
        """From the cure to ready again; None if that was not seen."""
        took = self.proof.recovery_us
        return None if took is None else took / 1000

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        proof = self.proof
        return {
            "kind": proof.kind,
            "target": proof.target,
            "expected": proof.expected,
            "observed": proof.observed,
            "bitten": proof.bitten,
            "started_us": proof.started_us,
            "healed_us": proof.healed_us,
            "ready_us": proof.ready_us,
            "budget_us": proof.budget_us,
            "recovery_ms": self.recovery_ms,
            "events": self.events,
            "lost": self.lost,
            "loss": asdict(self.loss),
        }

    def __str__(self) -> str:
        took = self.recovery_ms
        parts = [
            self.proof.name,
            "bit" if self.proof.bitten else "did not bite",
            "recovery not seen" if took is None else f"ready after {took / 1000:.1f} s",
            f"{self.lost:,} of {self.events:,} events lost",
        ]
        return ", ".join(parts)


def loss_windows(moments: Sequence[int], lost: Sequence[bool]) -> LossWindow:
    """Return the windows of loss.

    Args:
        moments: when the acknowledged events happened, in order.
        lost: for each of them, whether it is lost.
    """
    windows = []
    begun: int | None = None
    for moment, gone in zip(moments, lost, strict=True):
        if gone and begun is None:
            begun = moment
        elif not gone and begun is not None:
            windows.append((begun, moment))
            begun = None
    if begun is not None:
        windows.append((begun, moments[-1] + 1))
    return _summed(windows)


def impacts(
    faults: Iterable[FaultProof], moments: Sequence[int], lost: Sequence[bool]
) -> tuple[FaultImpact, ...]:
    """Return what each fault did; arguments as for `loss_windows`."""
    found = []
    for proof in faults:
        low = bisect_left(moments, proof.started_us - REACH_US)
        over = proof.over_us
        high = len(moments) if over is None else bisect_right(moments, over)
        inside = moments[low:high]
        gone = lost[low:high]
        found.append(
            FaultImpact(
                proof=proof,
                events=len(inside),
                lost=sum(gone),
                loss=loss_windows(inside, gone),
            )
        )
    return tuple(found)


def _summed(windows: Sequence[tuple[int, int]]) -> LossWindow:
    if not windows:
        return NO_LOSS
    lengths = [until - begun for begun, until in windows]
    return LossWindow(
        count=len(windows),
        total_ms=sum(lengths) / 1000,
        longest_ms=max(lengths) / 1000,
        windows=tuple(windows[:_KEPT]),
    )

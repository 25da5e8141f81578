"""Until when an event must be stored, given the faults that it fell into (pure)."""

from __future__ import annotations

from collections.abc import Iterable

from .records import FaultProof


class Deadlines:
    """Computes deadlines.

    An event that no fault touches has `late_us`. One that is on its way while a fault
    lasts has it from the cure on, with the fault's own budget on top.
    """

    def __init__(self, late_us: int, faults: Iterable[FaultProof]) -> None:
        self._late_us = late_us
        self._faults = sorted(faults, key=lambda proof: proof.started_us)

    def of(self, moment_us: int) -> int:
        """Return the latest time at which an event of this moment may be stored."""
        allowed_us = moment_us + self._late_us
        for proof in self._faults:
            if proof.started_us > allowed_us:
                break
            over_us = proof.over_us
            if over_us is not None and over_us < moment_us:
                continue
            cured_us = proof.started_us if proof.healed_us is None else proof.healed_us
            begins_us = max(moment_us, cured_us) + (proof.budget_us or 0)
            allowed_us = max(allowed_us, begins_us + self._late_us)
        return allowed_us

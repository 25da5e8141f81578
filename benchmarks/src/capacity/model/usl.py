"""The Universal Scalability Law: what more workers or more CPU bring.

X(N) = gain * N / (1 + contention * (N - 1) + crosstalk * N * (N - 1)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize

from ..errors import NotEnoughData

__all__ = ["Usl", "usl_of"]

LEAST_POINTS: Final = 4
REACH: Final = 2.0
"""Nothing is said beyond so many times the largest measured size."""
_DRAWS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Usl:
    """A fit; intervals are 95 %, by resampling of the residuals."""

    gain: float
    contention: float
    crosstalk: float
    contention_interval: tuple[float, float]
    crosstalk_interval: tuple[float, float]
    largest: float

    def at(self, size: float) -> float | None:
        """Return the rate at a size, or None beyond what may be said."""
        if size > REACH * self.largest:
            return None
        return float(
            _law(np.array([size]), self.gain, self.contention, self.crosstalk)[0]
        )

    @property
    def best(self) -> float | None:
        """The size with the highest rate; None if there is none within reach."""
        if self.crosstalk <= 0 or self.contention >= 1:
            return None
        best = math.sqrt((1 - self.contention) / self.crosstalk)
        return best if best <= REACH * self.largest else None


def usl_of(
    sizes: Sequence[float], rates: Sequence[float], random: np.random.Generator
) -> Usl:
    """Fit the law to measured rates.

    Raises:
        NotEnoughData: there are fewer than four different sizes.
    """
    different = len(set(sizes))
    if different < LEAST_POINTS:
        raise NotEnoughData("a scalability law", LEAST_POINTS, different)
    x = np.asarray(sizes, dtype=np.float64)
    y = np.asarray(rates, dtype=np.float64)
    gain, contention, crosstalk = _fit(x, y)
    fitted = _law(x, gain, contention, crosstalk)
    rest = (y - fitted) / fitted * math.sqrt(len(y) / max(1, len(y) - 3))
    draws = np.array(
        [
            _fit(x, np.maximum(1e-9, fitted * (1 + random.choice(rest, len(rest)))))
            for _ in range(_DRAWS)
        ]
    )
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return Usl(
        gain=gain,
        contention=contention,
        crosstalk=crosstalk,
        contention_interval=(float(low[1]), float(high[1])),
        crosstalk_interval=(float(low[2]), float(high[2])),
        largest=float(x.max()),
    )


def _law(
    x: npt.NDArray[np.float64], gain: float, contention: float, crosstalk: float
) -> npt.NDArray[np.float64]:
    return np.asarray(
        gain * x / (1 + contention * (x - 1) + crosstalk * x * (x - 1)),
        dtype=np.float64,
    )


def _fit(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[float, float, float]:
    """Fit by relative deviation; N / X is linear in the unknowns, and none is < 0."""
    weight = y / x
    design = np.column_stack([np.ones_like(x), x - 1, x * (x - 1)])
    found, _ = optimize.nnls(design * weight[:, None], np.ones_like(x))
    if found[0] <= 0:
        found[0] = 1e-12
    return 1 / found[0], found[1] / found[0], found[2] / found[0]

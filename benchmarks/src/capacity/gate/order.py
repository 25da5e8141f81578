"""In which order the two versions run."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np

__all__ = ["LEAST_PAIRS", "Side", "order_of"]

LEAST_PAIRS: Final = 5


class Side(StrEnum):
    """Which of both versions runs."""

    BASE = "base"
    NEW = "new"


def order_of(pairs: int, random: np.random.Generator) -> tuple[Side, ...]:
    """Return two trials a pair: A B B A or B A A B, by chance for each two pairs.

    The mirrored second pair takes out a drift that is even over four trials; the
    chance takes out one that has our period.
    """
    order: list[Side] = []
    for index in range(pairs):
        if index % 2 == 0:
            pair = [Side.BASE, Side.NEW]
            if random.random() < 1 / 2:
                pair.reverse()
        else:
            pair = [order[-1], order[-2]]
        order += pair
    return tuple(order)

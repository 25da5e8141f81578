"""How many events this machine carries, which part is the limit, and what to buy.

`trial` is what is measured and `judge_trial` whether it holds, `search` which rate is
tried next, `model` what the measurements mean, `gate` whether a change made it worse.
None of them does I/O, has a clock, or draws chance that was not given to it.
"""

from __future__ import annotations

from .errors import CapacityError

__all__ = ["CapacityError"]

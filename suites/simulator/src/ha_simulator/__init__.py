"""A scripted Home Assistant for tests: the real protocol, chosen rates and faults.

`world` holds what Home Assistant is, `protocol` what it says to clients, `load` when
events are due; none of them does I/O. `shell` gives them sockets and a clock.
Use it over HTTP; `README.md` describes the control API.
"""

from __future__ import annotations

from .errors import SimulatorError

__all__ = ["SimulatorError"]

"""What is done to a running stack on purpose; each drill leaves it as it was.

A drill does something to the whole stack once, however many checks judge it: it is
called through `Stack.once`. It returns the engine's record of what happened and says of
every service how it came back; it never judges. Services that do not come back by
themselves are started in order, at last made anew, so that a later drill meets a sound
stack; what still is down then is expected no more.
"""

from __future__ import annotations

__all__: list[str] = []

"""Names and numbers of signals (pure)."""

from __future__ import annotations

import re
import signal

_REAL_TIME = re.compile(r"RT(MIN|MAX)(?:([+-])(\d+))?")


def number_of(name: str) -> int | None:
    """Return the number of "SIGTERM", "term", "15" or "SIGRTMIN+3"; None if unknown."""
    text = name.strip().upper().removeprefix("SIG")
    if text.isdigit():
        return int(text)
    if real_time := _REAL_TIME.fullmatch(text):
        base = signal.SIGRTMIN if real_time[1] == "MIN" else signal.SIGRTMAX
        offset = int(f"{real_time[2] or '+'}{real_time[3] or 0}")
        return int(base) + offset
    try:
        return int(signal.Signals[f"SIG{text}"])
    except KeyError:
        return None


def name_of(number: int | None) -> str:
    """Return "SIGTERM" for 15, and "signal 70" for what has no name."""
    if number is not None and signal.SIGRTMIN < number < signal.SIGRTMAX:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}"
    try:
        return signal.Signals(number or 0).name
    except ValueError:
        return f"signal {number}"

"""What InfluxDB's answers say about storing: health reasons and 503 answers."""

from __future__ import annotations

import time
from collections.abc import Callable

from servicekit.errors import InfluxUnreachable
from servicekit.health import Health, Status
from servicekit.influx import Answer
from servicekit.retry import Verdict, classify

from .errors import StoreUnavailable, Unavailable

__all__ = ["InfluxState", "code_of", "describe", "names_a_line", "refusal"]

# Seconds after which the sender may try again; configuration takes a person.
_RETRY_AFTER = {
    Unavailable.UNREACHABLE: 1.0,
    Unavailable.OVERLOADED: 2.0,
    Unavailable.UNAUTHORIZED: 5.0,
    Unavailable.NOT_FOUND: 5.0,
    Unavailable.DEAD_LETTER_FULL: 10.0,
    Unavailable.SHUTTING_DOWN: 1.0,
}
_NAMES_A_LINE = "unable to parse"
_CAUSES = (
    Unavailable.UNREACHABLE,
    Unavailable.UNAUTHORIZED,
    Unavailable.NOT_FOUND,
    Unavailable.OVERLOADED,
)


def refusal(
    code: Unavailable, message: str, retry_after: float | None = None
) -> StoreUnavailable:
    """Return the error of a batch that cannot be stored now."""
    after = _RETRY_AFTER[code] if retry_after is None else retry_after
    return StoreUnavailable(code, message, after)


def code_of(status: int) -> Unavailable:
    """Return the code for an HTTP status of InfluxDB that stores nothing."""
    match status:
        case 401 | 403:
            return Unavailable.UNAUTHORIZED
        case 404:
            return Unavailable.NOT_FOUND
        case _ if classify(status) is Verdict.RETRY:
            return Unavailable.OVERLOADED
        case _:
            return Unavailable.UNREACHABLE


def names_a_line(answer: Answer) -> bool:
    """Tell whether a 400 is InfluxDB's own, about a line that it quotes."""
    return _NAMES_A_LINE in answer.message


def describe(answer: Answer) -> str:
    """Return an answer as one short sentence."""
    text = answer.message or answer.code or "no message"
    return f"InfluxDB answered {answer.status}: {text[:500]}"


class InfluxState:
    """Keeps the health reasons of InfluxDB true to the latest answer."""

    def __init__(
        self, health: Health, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._health = health
        self._monotonic = monotonic
        self._last_success: float | None = None

    def answered(self, answer: Answer) -> None:
        """Take note of an answer; what InfluxDB says of single lines is a success.

        A 400 without a line and a 413 may be a proxy's, and tell nothing of InfluxDB.
        """
        match classify(answer.status):
            case Verdict.RETRY | Verdict.PAUSE:
                self._set(code_of(answer.status), describe(answer))
            case Verdict.DONE | Verdict.PARTIAL:
                self._succeeded()
            case Verdict.BISECT if names_a_line(answer):
                self._succeeded()
            case Verdict.BISECT | Verdict.HALVE:
                pass

    def refuses_all(self, answer: Answer) -> None:
        """Take note that not even a plain line is taken."""
        self._set(Unavailable.OVERLOADED, describe(answer))

    def unreachable(self, err: InfluxUnreachable) -> None:
        """Take note that there was no answer."""
        self._set(Unavailable.UNREACHABLE, str(err))

    @property
    def seconds_since_success(self) -> float:
        """Seconds since InfluxDB last accepted a write; infinite before the first."""
        if self._last_success is None:
            return float("inf")
        return self._monotonic() - self._last_success

    def _succeeded(self) -> None:
        self._last_success = self._monotonic()
        for code in _CAUSES:
            self._health.clear(code)

    def _set(self, cause: Unavailable, detail: str) -> None:
        for code in _CAUSES:
            if code is not cause:
                self._health.clear(code)
        self._health.set(cause, Status.DEGRADED, detail)

"""What an answer of enrichment-pipeline means. Pure."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

import msgspec

from servicekit.errors import WireError
from servicekit.wire import Outcome, decode_outcome

from .errors import ForwardError

__all__ = ["ENRICHMENT_REJECTS", "TOO_LARGE", "judge"]

TOO_LARGE: Final = "too_large"
ENRICHMENT_REJECTS: Final = "enrichment_rejects"

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PAUSE: Final = re.compile(r"[0-9]{1,9}")
_SHOWN: Final = 200


class _Problem(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Answer(msgspec.Struct):
    error: _Problem


def judge(status: int, body: bytes, *, retry_after: str, events: int) -> Outcome:
    """Return the outcome of a batch of so many events.

    Raises:
        ForwardError: the batch was not taken, or the counts do not add up. Its
            code is that of the answer where there is one (503), `too_large` for
            a 413 and `enrichment_rejects` for every other 4xx.
    """
    if status == HTTPStatus.OK:
        return _accounted(body, events)
    code, message = _problem(body)
    said = f"enrichment-pipeline answered {status} {code}: {message}"
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        raise ForwardError(TOO_LARGE, said)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ForwardError(ENRICHMENT_REJECTS, said)
    usable = code if _CODE.fullmatch(code) else "enrichment_failed"
    seconds = float(retry_after) if _PAUSE.fullmatch(retry_after) else None
    raise ForwardError(usable, said, retry_after=seconds)


def _accounted(body: bytes, events: int) -> Outcome:
    try:
        outcome = decode_outcome(body)
    except WireError as err:
        message = f"enrichment-pipeline answered 200, but its {err}"
        raise ForwardError("outcome_mismatch", message) from err
    if outcome.total != events:
        message = (
            f"enrichment-pipeline accounts for {outcome.total} of {events} events;"
            " the batch is kept"
        )
        raise ForwardError("outcome_mismatch", message)
    return outcome


def _problem(body: bytes) -> tuple[str, str]:
    try:
        problem = msgspec.json.decode(body, type=_Answer).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        text = body[:_SHOWN].decode("utf-8", "replace")
        return "", " ".join(text.split()) or "no reason"
    return problem.code, problem.message[:_SHOWN]

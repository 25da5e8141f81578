"""Calls over HTTP to what is measured; whatever goes wrong is a `BadAnswer`."""

from __future__ import annotations

from typing import Any, Final

import requests

from stackproof import wait_until
from stackproof.errors import WaitTimeout

from .errors import BadAnswer

__all__ = ["await_answer", "call", "call_json"]

SECONDS: Final = 10.0
"""What an answer may take, unless said otherwise."""
_SAID: Final = 200


def call(
    session: requests.Session,
    method: str,
    url: str,
    *,
    asked: str = "",
    seconds: float = SECONDS,
    **request: Any,
) -> requests.Response:
    """Return a good answer.

    Args:
        session: keeps the connection.
        method: GET or POST.
        url: where.
        asked: what an error calls the call; its address unless given.
        seconds: what the answer may take.
        request: what requests takes besides: params, headers, json, data.

    Raises:
        BadAnswer: there is none, or it is a refusal.
    """
    try:
        answer = session.request(method, url, timeout=seconds, **request)
    except requests.RequestException as err:
        raise BadAnswer(asked or url, repr(err)) from err
    if not answer.ok:
        said = f"HTTP {answer.status_code} {answer.text[:_SAID]}".rstrip()
        raise BadAnswer(asked or url, said)
    return answer


def call_json(session: requests.Session, method: str, url: str, **request: Any) -> Any:
    """Return what a good answer holds.

    Raises:
        BadAnswer: there is none, it is a refusal, or no JSON.
    """
    answer = call(session, method, url, **request)
    try:
        return answer.json()
    except ValueError as err:
        raise BadAnswer(url, repr(err)) from err


def await_answer(session: requests.Session, url: str, *, seconds: float) -> None:
    """Wait until something answers well there.

    Raises:
        BadAnswer: nothing does in time.
    """

    def answers() -> bool:
        try:
            return session.get(url, timeout=SECONDS).ok
        except requests.RequestException:
            return False

    try:
        wait_until(answers, bool, timeout=seconds, every=0.2)
    except WaitTimeout as err:
        raise BadAnswer(url, f"no answer for {seconds:g} s") from err

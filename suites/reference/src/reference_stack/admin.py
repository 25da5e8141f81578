"""What the services tell about themselves over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from stackproof import Endpoint

from .errors import BadAnswer

_CALL_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceApi:
    """The HTTP port of one service, no token needed."""

    endpoint: Endpoint

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the JSON answer.

        Raises:
            BadAnswer: the status was not 2xx.
        """
        return _json(self.endpoint.url(path), params=params, headers={})


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminApi:
    """admin-api, with its token."""

    endpoint: Endpoint
    token: str

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the JSON answer of a path under `/api/v1`.

        Raises:
            BadAnswer: the status was not 2xx.
        """
        headers = {"Authorization": f"Bearer {self.token}"}
        return _json(
            self.endpoint.url(f"/api/v1{path}"), params=params, headers=headers
        )

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a JSON body to a path under `/api/v1`; return the JSON answer.

        Raises:
            BadAnswer: the status was not 2xx.
        """
        answer = requests.post(
            self.endpoint.url(f"/api/v1{path}"),
            json=dict(body),
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=_CALL_SECONDS,
        )
        if not answer.ok:
            raise BadAnswer(answer.url, answer.status_code, answer.text)
        return answer.json()

    def status_without_token(self, path: str) -> int:
        """Return the status that a caller without a token gets."""
        answer = requests.get(
            self.endpoint.url(f"/api/v1{path}"), timeout=_CALL_SECONDS
        )
        return answer.status_code


def _json(
    url: str, *, params: Mapping[str, str] | None, headers: Mapping[str, str]
) -> Any:
    answer = requests.get(
        url, params=params, headers=dict(headers), timeout=_CALL_SECONDS
    )
    if not answer.ok:
        raise BadAnswer(answer.url, answer.status_code, answer.text)
    return answer.json()

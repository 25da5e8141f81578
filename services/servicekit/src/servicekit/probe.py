"""`python -m servicekit.probe URL`: exit 0 if it answers 200, for health checks.

Standard library only and few modules: it is started every few seconds.
"""

from __future__ import annotations

import http.client
import json
import sys
from typing import Final
from urllib.parse import urlsplit

__all__ = ["main", "probe"]

_TIMEOUT_SECONDS: Final = 3.0
_MOST_BYTES: Final = 64 * 1024


def probe(url: str, *, timeout: float = _TIMEOUT_SECONDS) -> str | None:
    """Return None if `url` answers 200, else one line that says why not."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return f"{url}: not an http:// address"
    path = parts.path or "/"
    if parts.query:
        path = f"{path}?{parts.query}"
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException) as err:
        return f"{url}: {err or type(err).__name__}"
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return None
    return f"{url}: {answer.status} {_reasons(body)}"


def _reasons(body: bytes) -> str:
    """Return the reasons in a health answer, or the beginning of another body."""
    try:
        reasons = json.loads(body)["reasons"]
        return "; ".join(f"{one['code']}: {one['detail']}" for one in reasons)
    except (ValueError, KeyError, TypeError):
        return " ".join(body[:200].decode("utf-8", "replace").split())


def main(arguments: list[str]) -> int:
    """Probe the one address in `arguments`; return the exit code."""
    if len(arguments) != 1:
        print("usage: python -m servicekit.probe URL", file=sys.stderr)
        return 2
    problem = probe(arguments[0])
    if problem is not None:
        print(problem)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

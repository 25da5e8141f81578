"""What the engine's client raises, loaded when an engine is first asked.

To read a file needs no engine, and loading its client takes half of the time in which a
plan could be there. So no module that a plan needs imports the client: types are named
for the type checker only, and errors as attributes of this module, which are looked up
where they are caught: `except sdk.NotFound:`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker.errors import (
        APIError,
        DockerException,
        ImageNotFound,
        NotFound,
        NullResource,
    )
    from requests import RequestException
    from urllib3.exceptions import HTTPError

__all__ = [
    "APIError",
    "DockerException",
    "HTTPError",
    "ImageNotFound",
    "NotFound",
    "NullResource",
    "RequestException",
    "failures",
]

_HOME = {
    "APIError": "docker.errors",
    "DockerException": "docker.errors",
    "HTTPError": "urllib3.exceptions",
    "ImageNotFound": "docker.errors",
    "NotFound": "docker.errors",
    "NullResource": "docker.errors",
    "RequestException": "requests",
}


def __getattr__(name: str) -> type[Exception]:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: type[Exception] = getattr(import_module(_HOME[name]), name)
    return found


def failures() -> tuple[type[Exception], ...]:
    """Return what may come in place of an answer of the engine."""
    return (__getattr__("DockerException"), __getattr__("RequestException"))

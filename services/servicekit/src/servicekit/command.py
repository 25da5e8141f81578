"""What `python -m SERVICE` does, the same for every service."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final, TypeVar

from .errors import SettingsError
from .lifecycle import Main, run
from .logs import configure
from .settings import ServiceSettings

__all__ = ["BAD_SETTINGS", "run_service"]

S = TypeVar("S", bound=ServiceSettings)

BAD_SETTINGS: Final = 2
"""Exit code of a service that cannot start with what it was told."""


def run_service(service: str, settings_type: type[S], body: Callable[[S], Main]) -> int:
    """Read the settings, set up the logs, run until SIGTERM or SIGINT.

    Args:
        service: name in the logs.
        settings_type: what the service can be told.
        body: makes the service's main function out of its settings.

    Returns:
        The exit code: `BAD_SETTINGS` after all problems were written to standard
        error, or else that of `lifecycle.run`.
    """
    try:
        settings = settings_type.load()
    except SettingsError as err:
        sys.stderr.write(f"{err}\n")
        return BAD_SETTINGS
    configure(service, settings.log_level, settings.secret_values())
    return run(
        body(settings), service=service, deadline=settings.shutdown_deadline_seconds
    )

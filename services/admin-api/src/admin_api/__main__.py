"""`python -m admin_api` runs the service."""

from __future__ import annotations

import sys
from functools import partial

from servicekit.command import run_service

from . import app
from .settings import Settings

__all__ = ["main"]


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code (2 for bad settings)."""
    return run_service(
        app.SERVICE, Settings, lambda settings: partial(app.main, settings)
    )


if __name__ == "__main__":
    sys.exit(main())

"""`python -m enrichment_pipeline` runs the service."""

from __future__ import annotations

import sys
from functools import partial

from servicekit.errors import SettingsError
from servicekit.lifecycle import run
from servicekit.logs import configure

from . import app
from .settings import Settings

__all__ = ["main"]


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code (2 for bad settings)."""
    try:
        settings = Settings.load()
    except SettingsError as err:
        print(err, file=sys.stderr)
        return 2
    configure(app.SERVICE, settings.log_level, settings.secret_values())
    return run(
        partial(app.main, settings),
        service=app.SERVICE,
        deadline=settings.shutdown_deadline_seconds,
    )


if __name__ == "__main__":
    sys.exit(main())

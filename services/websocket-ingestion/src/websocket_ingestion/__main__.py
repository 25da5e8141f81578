"""`python -m websocket_ingestion`: exit 2 on unusable settings, else as it ends."""

from __future__ import annotations

import sys
from functools import partial

from servicekit import lifecycle, logs
from servicekit.errors import SettingsError

from .app import SERVICE, run_service
from .settings import Settings

__all__ = ["main"]


def main() -> int:
    """Run the service; return the exit code."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.configure(SERVICE, settings.log_level, settings.secret_values())
    return lifecycle.run(
        partial(run_service, settings=settings),
        service=SERVICE,
        deadline=settings.shutdown_deadline_seconds,
    )


if __name__ == "__main__":
    sys.exit(main())

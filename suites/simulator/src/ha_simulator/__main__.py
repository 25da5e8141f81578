"""`python -m ha_simulator`: serve until SIGTERM or SIGINT, then exit 0."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import uvloop

from . import logs
from .errors import SettingsError
from .settings import Settings, parse_settings
from .shell.simulator import running


async def serve(settings: Settings) -> None:
    """Run one simulator until the process is asked to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings) as (_, port):
        logs.log("simulator.started", host=settings.host, port=port)
        await stop.wait()
        logs.log("simulator.stopping")
    logs.log("simulator.stopped")


def main() -> int:
    """Read the settings and serve; return the exit code."""
    environ = os.environ  # noqa: TID251 - handed to the settings, read nowhere else
    try:
        settings = parse_settings(sys.argv[1:], environ)
    except SettingsError as err:
        print(err, file=sys.stderr)
        return 2
    logs.configure()
    uvloop.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())

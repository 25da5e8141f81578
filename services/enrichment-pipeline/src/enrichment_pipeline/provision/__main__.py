"""`python -m enrichment_pipeline.provision` sets up InfluxDB, once or again.

Exit codes: 0 done; 1 InfluxDB does not answer in time, or refuses; 2 bad settings;
3 the operator's token is not the one InfluxDB was set up with; 4 the token files
cannot be written; 143 ended by SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Final

import aiohttp
import structlog

from enrichment_pipeline.errors import ProvisionError
from servicekit.errors import SettingsError
from servicekit.logs import configure

from .influx_admin import InfluxAdmin
from .settings import ProvisionSettings
from .steps import provision

__all__ = ["SERVICE", "main"]

SERVICE: Final = "influxdb-init"
_TERMINATED_EXIT_CODE: Final = 143

_log = structlog.get_logger(__name__)


async def _run(settings: ProvisionSettings) -> None:
    async with aiohttp.ClientSession() as session:
        token = settings.influxdb_admin_token.get_secret_value()
        admin = InfluxAdmin(session, url=settings.influxdb_url, operator_token=token)
        await provision(settings, admin)


def main() -> int:
    """Set up InfluxDB; return the exit code."""
    # As process 1 of a container the default action of SIGTERM would not be taken.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = ProvisionSettings.load()
        configure(SERVICE, settings.log_level, settings.secret_values())
        asyncio.run(_run(settings))
    except SettingsError as err:
        print(err, file=sys.stderr)
        return 2
    except ProvisionError as err:
        print(f"{SERVICE}: {err}", file=sys.stderr)
        return err.exit_code
    except KeyboardInterrupt:
        print(f"{SERVICE}: interrupted; run it again to finish", file=sys.stderr)
        return _TERMINATED_EXIT_CODE
    _log.info("provision.done")
    return 0


if __name__ == "__main__":
    sys.exit(main())

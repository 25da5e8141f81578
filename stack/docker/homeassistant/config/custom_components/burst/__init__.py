"""Fire any number of state changes in one turn of the event loop.

``burst.fire`` takes ``count`` changes over ``entities`` entities. Every change
carries ``run_id`` and a ``serial`` that is unique within the run, so a reader can
tell which one is missing.
"""

from __future__ import annotations

import voluptuous as vol
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.typing import ConfigType

DOMAIN = "burst"

FIRE = vol.Schema(
    {
        vol.Required("count"): vol.All(int, vol.Range(min=1, max=100_000)),
        vol.Optional("entities", default=100): vol.All(int, vol.Range(min=1)),
        vol.Optional("run_id", default=""): cv.string,
        vol.Optional("first_serial", default=0): int,
    }
)

CONFIG_SCHEMA = cv.empty_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Register the service."""

    async def fire(call: ServiceCall) -> None:
        """Set all states without giving the loop a turn in between."""
        first = call.data["first_serial"]
        for serial in range(first, first + call.data["count"]):
            hass.states.async_set(
                f"sensor.burst_{serial % call.data['entities']}",
                str(serial),
                {
                    "unit_of_measurement": "W",
                    "run_id": call.data["run_id"],
                    "serial": serial,
                },
            )

    hass.services.async_register(DOMAIN, "fire", fire, schema=FIRE)
    return True

"""What a Home Assistant is: states, journal, recorder, restarts. No I/O, no clock."""

from __future__ import annotations

from .homeassistant import HomeAssistant
from .journal import Journal
from .recorder import Recorder
from .states import StateMachine

__all__ = ["HomeAssistant", "Journal", "Recorder", "StateMachine"]

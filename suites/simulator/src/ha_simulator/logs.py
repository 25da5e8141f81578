"""Log lines of the simulator: one JSON object a line on stdout."""

from __future__ import annotations

import logging
import sys
import time

import msgspec


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{seconds}.{int(record.created % 1 * 1_000_000):06d}Z",
            "level": record.levelname.lower(),
            "service": "ha-simulator",
            "event": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line |= fields
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure() -> None:
    """Send all log records of the process to stdout as JSON lines."""
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[output], force=True)


def log(event: str, **fields: object) -> None:
    """Write one line: an event name plus values. Never pass a token."""
    logging.getLogger("ha_simulator").info(event, extra={"fields": fields})

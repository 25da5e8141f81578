"""One JSON line per event on stdout, with no secret in it."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from typing import Final

import msgspec
import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["Scrubber", "configure"]

_HIDDEN: Final = "**********"
_SHORTEST_SECRET: Final = 4
"""A shorter text is no secret that anybody could hide in a log line."""

_CREDENTIALS: Final = (
    re.compile(r"((?i:\bbearer)\s+|\bToken\s+)[^\s\"'\\,;}]+"),
    re.compile(r"(\baccess_token\\*[\"']?\s*[:=]\s*\\*[\"']?)[^\"'\\\s,;}&]+"),
    re.compile(r"((?i:token|appid|api_key|password)=)[^\"'\\\s,;}&]+"),
)


class Scrubber:
    """Replaces secrets, and anything that looks like a credential, in a text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        kept = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
        kept |= {json.dumps(secret)[1:-1] for secret in kept}
        longest_first = sorted(kept, key=len, reverse=True)
        self._known = (
            re.compile("|".join(map(re.escape, longest_first))) if kept else None
        )

    def __call__(self, text: str) -> str:
        """Return the text with stars in the place of credentials."""
        if self._known is not None:
            text = self._known.sub(_HIDDEN, text)
        for pattern in _CREDENTIALS:
            text = pattern.sub(rf"\g<1>{_HIDDEN}", text)
        return text


class _Renderer:
    """Last step of the chain: the line, in a fixed order of keys, scrubbed."""

    def __init__(self, service: str, secrets: Iterable[str]) -> None:
        self._service = service
        self._scrub = Scrubber(secrets)

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> str:
        line = {
            "time": event.pop("time"),
            "level": event.pop("level"),
            "service": self._service,
            "event": event.pop("event"),
            **event,
        }
        return self._scrub(msgspec.json.encode(line, enc_hook=str).decode())


def configure(service: str, level: str, secrets: Iterable[str] = ()) -> None:
    """Send structlog and the standard library's logging to stdout as JSON lines.

    Args:
        service: value of the key "service" in every line.
        level: the lowest level that is printed, such as "INFO".
        secrets: texts that must never appear; they become stars.
    """
    threshold = logging.getLevelNamesMapping()[level]
    renderer = _Renderer(service, secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        # Local variables stay out: they are where tokens live.
        structlog.processors.ExceptionRenderer(
            ExceptionDictTransformer(show_locals=False, max_frames=20)
        ),
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    stream = logging.StreamHandler(sys.stdout)
    stream.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
            ],
        )
    )
    logging.basicConfig(handlers=[stream], level=threshold, force=True)
    quiet = logging.DEBUG if threshold <= logging.DEBUG else logging.WARNING
    logging.getLogger("aiohttp.access").setLevel(quiet)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.captureWarnings(True)

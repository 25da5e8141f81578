"""A process that reads a source and forgets what it reads."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

from .errors import BadAnswer

__all__ = ["begin_reader", "parse_looks"]


def begin_reader(
    ending: ExitStack, place: str, token: str, *options: str
) -> subprocess.Popen[bytes]:
    """Start a process that reads a source and forgets; it ends with *ending*.

    Raises:
        BadAnswer: it cannot subscribe.
    """
    host, _, port = place.rpartition(":")
    reader = ending.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "capacity.null_reader", host, port, *options],
            env={**_environment(), "CAPACITY_TOKEN": token},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
    )
    ending.callback(reader.terminate)
    if reader.stdout is None or reader.stdout.readline() != b"reading\n":
        raise BadAnswer(place, "a reader of the source cannot subscribe")
    return reader


def parse_looks(text: bytes) -> list[tuple[float, int]]:
    """Return what a counting reader has said, each with its moment (pure)."""
    rows = [line.split() for line in text.splitlines()]
    return [(float(row[0]), int(row[1])) for row in rows if len(row) == 2]


def _environment() -> dict[str, str]:
    """Return what a child of this program gets of its environment."""
    return dict(os.environ)  # noqa: TID251 - handed on as it is, nothing is read

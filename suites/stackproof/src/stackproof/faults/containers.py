"""Pause, stop and kill a service by Compose.

Healing starts the service again; it does not wait until it is healthy, because how long
that takes is what the test wants to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..compose import Compose


@contextmanager
def paused(stack: Compose, service: str) -> Iterator[None]:
    """Freeze a service; thaw it afterwards."""
    stack.pause(service)
    try:
        yield
    finally:
        stack.unpause(service)


@contextmanager
def stopped(stack: Compose, service: str) -> Iterator[None]:
    """Stop a service in its own way; start it afterwards."""
    try:
        stack.stop(service)
        yield
    finally:
        stack.start(service)


@contextmanager
def killed(stack: Compose, service: str) -> Iterator[None]:
    """End a service without warning; start it afterwards.

    The engine counts `kill` as a stop by hand, so no restart policy interferes.
    """
    try:
        stack.kill(service)
        yield
    finally:
        stack.start(service)

"""Take the first free address of each network, so that others get new ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .. import sdk
from ..verify.stack import Stack
from ..verify.vantage import LABEL

if TYPE_CHECKING:
    from docker.models.containers import Container

# What an image may have that waits; an image that has none of it is passed over.
_WAITS = (
    ("sleep", "600"),
    ("/bin/busybox", "sleep", "600"),
    ("python3", "-c", "import signal; signal.pause()"),
)


@contextmanager
def placeholder(stack: Stack) -> Iterator[str | None]:
    """Hold an address in each network of the stack's own; yield why that failed.

    Networks in which somebody has a static address are left alone.
    """
    networks = free_networks(stack)
    if not networks:
        yield "no network lets its addresses be taken"
        return
    made = _start(stack, networks)
    try:
        yield None if made else "no image of the stack has a program that waits"
    finally:
        if made is not None:
            with suppress(sdk.NotFound):
                made.remove(force=True, v=True)


def free_networks(stack: Stack) -> list[str]:
    """Return the engine's names of the bridge networks without static addresses."""
    static = {
        attachment.network
        for service in stack.model.services.values()
        for attachment in service.networks
        if attachment.ipv4 or attachment.ipv6
    }
    used = {
        attachment.network
        for service in stack.model.services.values()
        for attachment in service.networks
    }
    return [
        network.engine_name
        for name, network in stack.model.networks.items()
        if name in used - static
        and not network.external
        and network.driver in {"bridge", ""}
    ]


def _start(stack: Stack, networks: Sequence[str]) -> Container | None:
    images = dict.fromkeys(str(row.attrs.get("Image")) for row in stack.containers())
    for image in images:
        for program, *arguments in _WAITS:
            try:
                made = stack.engine.containers.create(
                    image,
                    command=arguments,
                    entrypoint=[program],
                    healthcheck={"test": ["NONE"]},
                    labels={LABEL: stack.compose.project},
                    network=networks[0],
                )
            except (sdk.APIError, sdk.ImageNotFound):
                break
            try:
                for name in networks[1:]:
                    stack.engine.networks.get(name).connect(made)
                made.start()
            except sdk.APIError:
                made.remove(force=True, v=True)
            else:
                return made
    return None

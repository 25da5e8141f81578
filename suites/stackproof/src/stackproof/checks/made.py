"""A container and what it was made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One container and what it was made from.

    Attributes:
        attrs: inspect document of the container.
        image: inspect document of its image; empty where the image is gone.
        tagged: id of the image that its name means now; None where that is of no
            interest.
        wanted_image: name of the image that the service has, also without `image`.
        networks: name in the file to the engine's name.
        volumes: name in the file to the engine's name.
    """

    attrs: Mapping[str, Any]
    image: Mapping[str, Any] = field(default_factory=dict)
    tagged: str | None = None
    wanted_image: str = ""
    networks: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Mapping[str, Any]:
        """What the engine hands on to the process."""
        return self.attrs.get("Config") or {}

    @property
    def host(self) -> Mapping[str, Any]:
        """What the engine enforces."""
        return self.attrs.get("HostConfig") or {}

    @property
    def of_image(self) -> Mapping[str, Any]:
        """What the image brings."""
        return self.image.get("Config") or {}


Compare = Callable[[Service, Made], list[str]]


def listed(service: Service, key: str) -> list[str]:
    """Return what stands at a key, as a list of texts."""
    declared = service.declared.get(key) or ()
    rows = [declared] if isinstance(declared, str) else declared
    return [str(row) for row in rows]

"""The same thing as Compose prints it and as the engine does (pure)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any


def unescape(text: str) -> str:
    """Return a text of `docker compose config` as the container sees it."""
    return text.replace("$$", "$")


def words(declared: Any) -> list[str] | None:
    """Return a command as a list; None where the file leaves it to the image."""
    if declared is None:
        return None
    if isinstance(declared, str):
        return shlex.split(unescape(declared))
    return [unescape(str(word)) for word in declared]


def pairs(declared: Any) -> dict[str, str | None]:
    """Return a mapping, or a list of NAME=value, as a mapping of texts."""
    if isinstance(declared, Mapping):
        return {
            str(name): None if value is None else unescape(_yaml(value))
            for name, value in declared.items()
        }
    found: dict[str, str | None] = {}
    for row in declared or ():
        name, equals, value = str(row).partition("=")
        found[name] = value if equals else None
    return found


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def plain(text: str) -> str:
    """Return a text without what makes no difference: case and a last slash."""
    return text.rstrip("/").lower() or "/"


def folder(path: str) -> str:
    """Return a path without its last slash."""
    return path.rstrip("/") or "/"


def full_name(name: str) -> str:
    """Return an image name with what the engine adds to a short one."""
    short = name
    for prefix in ("docker.io/", "index.docker.io/", "library/"):
        short = short.removeprefix(prefix)
    last = short.rpartition("/")[2]
    return short if ":" in last or "@" in last else f"{short}:latest"


def same_path(one: str, other: str) -> bool:
    """Tell whether two paths of the host are one; Docker Desktop adds a prefix."""
    return folder(one.removeprefix("/host_mnt")) == folder(other)


def target_of(kind: str, source: str, target: str | None) -> str:
    """Return where a secret or config is mounted."""
    base = "/run/secrets/" if kind == "secrets" else "/"
    place = str(target or source)
    return place if place.startswith("/") else f"{base}{place}"


def same_host(one: str, other: str) -> bool:
    """Tell whether two host addresses of a port mean the same."""
    every = {"", "0.0.0.0", "::"}
    return one == other or (one in every and other in every)


def in_range(port: str, published: str | None) -> bool:
    """Tell whether a host port is the declared one, or in the declared range."""
    if published is None or "-" not in published:
        return port in {published or "", "0"} or (published is None)
    low, _, high = published.partition("-")
    if not port.isdigit():
        return port == published
    return int(low) <= int(port) <= int(high)


def host_entry(row: str) -> tuple[str, str]:
    """Return name and address of an `extra_hosts` entry, however it is written."""
    equals, colon = row.find("="), row.find(":")
    cut = equals if equals >= 0 and (colon < 0 or equals < colon) else colon
    return row[:cut], row[cut + 1 :].strip("[]")

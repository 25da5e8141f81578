"""Find the values of declared secrets where everybody can read them (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..check import Finding, failed, passed

SHORTEST = 8
"""A shorter value is found by chance, so nothing is said about it."""
SHORTEST_MIXED = 6
"""Shortest value with a letter and a digit in it."""
_COMMON = frozenset({"password", "changeme", "postgres", "username", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """One value that must not be seen; never printed."""

    name: str
    value: str = field(repr=False)

    @property
    def forms(self) -> tuple[str, ...]:
        """The value as it stands in a text and in JSON."""
        quoted = json.dumps(self.value)[1:-1]
        return tuple(dict.fromkeys((self.value, quoted)))

    @property
    def telling(self) -> bool:
        """Whether finding it means something."""
        mixed = any(map(str.isdigit, self.value)) and any(map(str.isalpha, self.value))
        long_enough = len(self.value) >= (SHORTEST_MIXED if mixed else SHORTEST)
        return long_enough and self.value.lower() not in _COMMON


def find_leaks(secrets: Iterable[Secret], places: Mapping[str, str]) -> list[str]:
    """Return "NAME in PLACE" for each secret that a place shows."""
    return [
        f"{secret.name} in {place}"
        for secret in secrets
        if secret.telling
        for place, text in places.items()
        if any(form in text for form in secret.forms)
    ]


def judge_leaks(secrets: Iterable[Secret], places: Mapping[str, str]) -> Finding:
    """Judge one service."""
    looked = [secret for secret in secrets if secret.telling]
    found = find_leaks(looked, places)
    if found:
        return failed(
            "; ".join(found),
            "Who can inspect the container or read its logs has the secret: hand on "
            "the file's path only, do not log the value, and change the secret.",
            leaks=len(found),
        )
    return passed(
        f"{len(looked)} secret(s) not in {', '.join(places)}", secrets=len(looked)
    )


def plain_words(document: Mapping[str, Any]) -> frozenset[str]:
    """Return names of a configuration that inspect shows anyway, in lower case.

    A secret with such a value (a user called like the database's image) is no leak.
    """
    found = {str(document.get("name") or "")}
    for section in ("services", "networks", "volumes", "secrets", "configs"):
        found |= set(document.get(section) or {})
    for service in (document.get("services") or {}).values():
        for key in ("image", "container_name", "hostname", "user"):
            found |= set(re.split(r"[/:@.]", str((service or {}).get(key) or "")))
    return frozenset(word.lower() for word in found if word)


def visible_places(attrs: Mapping[str, Any]) -> dict[str, str]:
    """Return what `docker inspect` shows, by place."""
    config = dict(attrs.get("Config") or {})
    environment = "\n".join(map(str, config.pop("Env", None) or ()))
    rest = {key: value for key, value in attrs.items() if key != "Config"}
    return {
        "the environment": environment,
        "inspect": json.dumps([config, rest], ensure_ascii=False),
    }

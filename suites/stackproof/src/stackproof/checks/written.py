"""Read a file as it was written: which variables it uses, and where (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_USE = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<braced>[A-Za-z_]\w*)(?P<rest>[^}]*)"
    r"|(?P<plain>[A-Za-z_]\w*))"
)
_UNSET = re.compile(r'"?(?P<name>[A-Za-z_]\w*)"? variable is not set')
_OPTIONAL = frozenset(
    name
    for plain in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
    for name in (plain, plain.upper())
) | {"TZ", "LANG", "TERM", "COLORTERM", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Use:
    """A variable that the file uses without a default.

    Attributes:
        service: "" outside of the services.
        name: of the variable.
        place: dotted path below the service, or below the file.
        demanded: written as ${NAME:?message}: Compose refuses a file without it.
    """

    service: str
    name: str
    place: str
    demanded: bool = False


def uses(document: Mapping[str, Any]) -> Iterator[Use]:
    """Yield the variables that a written file uses and gives no default for."""
    services = document.get("services")
    for section, below in document.items():
        if section == "services" and isinstance(services, Mapping):
            for service, declared in services.items():
                yield from _uses(declared, "", str(service))
        else:
            yield from _uses(below, str(section), "")


def variables(text: str) -> Iterator[tuple[str, bool]]:
    """Yield name and whether it is demanded, for each use without a default."""
    for match in _USE.finditer(text):
        if match["escaped"]:
            continue
        rest = match["rest"] or ""
        if not rest.lstrip(":").startswith(("-", "+")):
            yield match["braced"] or match["plain"], "?" in rest[:2]


def has_own_default(text: str) -> bool:
    """Tell whether a value is one variable whose default is empty: ${NAME:-}."""
    match = re.fullmatch(r"\$\{[A-Za-z_]\w*:?-\}", text.strip())
    return match is not None


def unset_variables(warnings: tuple[str, ...]) -> frozenset[str]:
    """Return the variables that Compose missed."""
    found = (_UNSET.search(text) for text in warnings)
    return frozenset(match["name"] for match in found if match)


def other_warnings(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Return what Compose warned about beside variables."""
    return tuple(text for text in warnings if not _UNSET.search(text))


def bare_names(declared: object) -> tuple[str, ...]:
    """Return the names in a written `environment` that have no value."""
    if isinstance(declared, Mapping):
        return tuple(str(name) for name, value in declared.items() if value is None)
    if isinstance(declared, list):
        return tuple(str(row) for row in declared if row and "=" not in str(row))
    return ()


def may_be_missing(name: str) -> bool:
    """Tell whether a variable is commonly handed on only where it is set."""
    return name in _OPTIONAL or name.startswith("LC_")


def written_services(
    written: Mapping[Any, Mapping[str, Any]], service: str
) -> Iterator[Mapping[str, Any]]:
    """Yield what each file says about a service."""
    for document in written.values():
        services = document.get("services")
        found = services.get(service) if isinstance(services, Mapping) else None
        if isinstance(found, Mapping):
            yield found


def env_files(declared: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Return path and whether it is required, of each `env_file` entry."""
    entry = declared.get("env_file")
    rows = entry if isinstance(entry, list) else [entry]
    found = []
    for row in rows:
        if isinstance(row, str):
            found.append((row, True))
        elif isinstance(row, Mapping) and row.get("path"):
            found.append((str(row["path"]), bool(row.get("required", True))))
    return found


def _uses(value: object, place: str, service: str) -> Iterator[Use]:
    if isinstance(value, Mapping):
        for name, below in value.items():
            inner = f"{place}.{name}" if place else str(name)
            yield from _uses(below, inner, service)
    elif isinstance(value, list):
        for item in value:
            yield from _uses(item, place, service)
    elif isinstance(value, str):
        for name, demanded in variables(value):
            yield Use(service=service, name=name, place=place, demanded=demanded)

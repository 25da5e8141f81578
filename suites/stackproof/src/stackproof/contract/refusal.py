"""Tell what Compose refuses a file for: which check, whose key, and the remedy (pure).

A refused file has no effective configuration, so no check can be compiled from it. What
Compose says is enough to name the promise that is broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

NOT_VALID = "CONFIG-01"
NO_VALUE = "CONFIG-02"
NO_ENV_FILE = "CONFIG-04"

_FIXES = (
    (
        "required variable",
        "set it in the environment, in .env, or with --env-file FILE",
    ),
    ("env file", "write the file, or mark it `required: false`"),
    ("is not allowed", "remove the key or correct its name"),
    ("undefined service", "correct the name, or switch its profile on with --profile"),
    ("undefined volume", "declare it at the top of the file under `volumes:`"),
    ("undefined network", "declare it at the top of the file under `networks:`"),
    ("undefined secret", "declare it at the top of the file under `secrets:`"),
    ("undefined config", "declare it at the top of the file under `configs:`"),
    ("yaml:", "correct the YAML at that line"),
    ("empty section between colons", "set the variable that is empty there"),
)
_KEYS = (
    ("depends on undefined service", "depends_on"),
    ("refers to undefined network", "networks"),
    ("refers to undefined volume", "volumes"),
    ("refers to undefined secret", "secrets"),
    ("refers to undefined config", "configs"),
    ("cannot extend service", "extends"),
    ("neither an image nor a build", "image"),
    ("`network_mode` and `networks`", "network_mode"),
)
_PLACE = re.compile(
    r"services(?:\.(?P<dotted>[\w.-]+)|\[(?P<name>[\w.-]+)\])(?P<rest>\S*)"
)
_UNKNOWN_KEY = re.compile(r"Additional property (?P<key>\S+) is not allowed")
_NAMED = re.compile(r'service "?(?P<name>[\w.-]+)"? (?:depends|refers|has|declares|in)')


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in the file it is: a service and a key in it, as far as that is known."""

    service: str | None = None
    key: str | None = None

    def __str__(self) -> str:
        return f"{self.service or 'the file'}{f': {self.key}' if self.key else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why Compose does not take a file.

    Attributes:
        check: id of the check whose promise is broken.
        places: at least one.
        problem: the words of Compose.
        fix: what to do; "" where nothing better than those words is known.
    """

    check: str
    places: tuple[Place, ...]
    problem: str
    fix: str = ""


def read_refusal(said: str, written: Mapping[Path, Mapping[str, Any]]) -> Refusal:
    """Return what Compose's message means for the files as they were written."""
    problem = said.strip()
    wanting = tuple(_wanting(problem, written))
    if wanting or problem.startswith("env file"):
        return Refusal(
            check=NO_ENV_FILE,
            places=wanting or (Place(key="env_file"),),
            problem=problem,
            fix=fix_for("env file"),
        )
    names = {str(name) for document in written.values() for name in _services(document)}
    return Refusal(
        check=NO_VALUE if "required variable" in problem else NOT_VALID,
        places=(_place(problem, names),),
        problem=problem,
        fix=fix_for(problem),
    )


def fix_for(problem: str) -> str:
    """Return how to mend what Compose complains about, where that is known."""
    said = problem.lower()
    return next((fix for sign, fix in _FIXES if sign in said), "")


def _wanting(
    problem: str, written: Mapping[Path, Mapping[str, Any]]
) -> Iterator[Place]:
    """Yield the services whose file of variables Compose names."""
    found = {
        str(name)
        for document in written.values()
        for name, declared in _services(document).items()
        for entry in _env_files(declared)
        if _names_path(problem, entry)
    }
    for name in sorted(found):
        yield Place(service=name, key="env_file")


def _env_files(declared: object) -> Iterator[str]:
    entry = declared.get("env_file") if isinstance(declared, Mapping) else None
    for row in entry if isinstance(entry, list) else [entry]:
        path = row.get("path") if isinstance(row, Mapping) else row
        if isinstance(path, str) and "$" not in path:
            yield path


def _names_path(problem: str, entry: str) -> bool:
    """Tell whether a message holds the path, which Compose made absolute."""
    path = PurePosixPath(entry)
    parts = [part for part in path.parts if part not in {".", ".."}]
    if not parts:
        return False
    start = "" if path.is_absolute() else "/"
    text = str(PurePosixPath(*parts))
    return bool(re.search(rf"{re.escape(start + text)}(?![\w./-])", problem))


def _place(problem: str, names: set[str]) -> Place:
    """Return the place that a message names; dots in a service's name are known."""
    unknown = _UNKNOWN_KEY.search(problem)
    key = next((key for sign, key in _KEYS if sign in problem), None)
    if match := _PLACE.search(problem):
        inside = (match["dotted"] or match["name"]) + match["rest"].rstrip(":'\",")
        known = [n for n in names if inside == n or inside.startswith(f"{n}.")]
        if names and not known:  # "services.scale: … container_name and web as …"
            named = [
                n for n in names if re.search(rf"(?<!\S){re.escape(n)}(?!\S)", problem)
            ]
            return Place(service=named[0] if len(named) == 1 else None, key=inside)
        service = max(known, key=len, default=inside.partition(".")[0])
        below = inside.removeprefix(service).strip(".")
        if unknown:
            below = f"{below}.{unknown['key']}".strip(".")
        return Place(service=service, key=below or key)
    if match := _NAMED.search(problem):
        return Place(service=match["name"], key=key)
    return Place(key=unknown["key"] if unknown else key)


def _services(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = document.get("services")
    return found if isinstance(found, Mapping) else {}

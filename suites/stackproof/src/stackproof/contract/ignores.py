"""Declared exceptions: `x-stackproof: ignore: [{id, subject, reason}]` in the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..check import Check, Claim
from ..errors import SourceError

EXTENSION = "x-stackproof"
_NAMES = frozenset({"id", "subject", "reason"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """One exception.

    Attributes:
        id: id of a check or a pattern: "SECURITY-02", "LIMIT-*", "SECURITY".
        subject: service or label that it is limited to, or a pattern; "*" for all.
        reason: why it is accepted; never empty.
        origin: where it was declared.
    """

    id: str
    subject: str
    reason: str
    origin: str

    def applies(self, check: Check, claim: Claim) -> bool:
        """Tell whether a case is meant."""
        subject = claim.subject
        names = {claim.label, subject.service, subject.peer, subject.key} - {None}
        return matches(self.id, check.id) and (
            self.subject == "*"
            or any(fnmatchcase(str(name), self.subject) for name in names)
        )

    def __str__(self) -> str:
        return f"{self.id} of {self.subject} ({self.origin})"


def matches(selector: str, check_id: str) -> bool:
    """Tell whether "ORDER-01", "ORDER-*" or the family "ORDER" means a check."""
    upper = selector.upper()
    return fnmatchcase(check_id, upper) or check_id.startswith(f"{upper}-")


def read_ignores(
    written: Mapping[Path, Mapping[str, Any]], checks: Iterable[Check]
) -> tuple[Ignore, ...]:
    """Return the exceptions of all files, those below a service limited to it.

    Raises:
        SourceError: an entry has no reason, names no check, or has an unknown key.
    """
    known = [check.id for check in checks]
    found = []
    for path, document in written.items():
        blocks = [(document.get(EXTENSION), "*", EXTENSION)]
        services = document.get("services")
        for name, declared in services.items() if isinstance(services, Mapping) else ():
            if isinstance(declared, Mapping):
                place = f"services.{name}.{EXTENSION}"
                blocks.append((declared.get(EXTENSION), str(name), place))
        for block, subject, place in blocks:
            for number, entry in enumerate(_entries(block, path, place)):
                where = f"{place}.ignore[{number}]"
                found.append(_ignore(entry, path, where, subject, known))
    return tuple(found)


def _entries(block: object, path: Path, place: str) -> list[Any]:
    if block is None:
        return []
    if not isinstance(block, Mapping) or set(block) - {"ignore"}:
        raise SourceError(str(path), f"{place}: expected `ignore: [...]`")
    entries = block.get("ignore") or []
    if not isinstance(entries, list):
        raise SourceError(str(path), f"{place}.ignore: expected a list")
    return entries


def _ignore(
    entry: object, path: Path, where: str, subject: str, known: list[str]
) -> Ignore:
    if not isinstance(entry, Mapping):
        raise SourceError(str(path), f"{where}: expected {{id, subject, reason}}")
    if unknown := set(map(str, entry)) - _NAMES:
        names = ", ".join(sorted(unknown))
        raise SourceError(
            str(path), f"{where}: unknown key {names}; known: id, subject, reason"
        )
    made = Ignore(
        id=str(entry.get("id") or "").strip(),
        subject=str(entry.get("subject") or subject).strip(),
        reason=str(entry.get("reason") or "").strip(),
        origin=f"{path.name}: {where}",
    )
    if not made.reason:
        raise SourceError(str(path), f"{where}: an exception needs a reason")
    if not any(matches(made.id, check_id) for check_id in known):
        raise SourceError(str(path), f"{where}: no check has the id {made.id!r}")
    return made

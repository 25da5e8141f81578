"""Tell what changed between two runs (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

_NOTABLE = 0.2
# Below these a change of a figure is noise, whatever its share.
_NOISE = {"seconds": 0.5, "bytes": 2**20, "ms": 500.0}
_RANK = {"pass": 0, "ignored": 0, "not_promised": 0, "unknown": 1, "fail": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A case whose verdict differs."""

    case: str
    before: str
    after: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A figure that differs by more than a fifth."""

    case: str
    fact: str
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed from one run to another.

    Attributes:
        before: verdict of the first run.
        after: verdict of the second.
        appeared: cases only in the second, with their verdict.
        vanished: cases only in the first, with theirs.
    """

    before: str
    after: str
    appeared: tuple[tuple[str, str], ...]
    vanished: tuple[tuple[str, str], ...]
    changed: tuple[Changed, ...]
    moved: tuple[Moved, ...]

    @property
    def worse(self) -> bool:
        """Whether the second run has a verdict that is worse."""
        return (
            _RANK[self.after] > _RANK[self.before]
            or any(_RANK[c.after] > _RANK[c.before] for c in self.changed)
            or any(_RANK[verdict] for _, verdict in self.appeared)
        )

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "schema_version": 1,
            "before": self.before,
            "after": self.after,
            "worse": self.worse,
            "appeared": [{"case": c, "verdict": v} for c, v in self.appeared],
            "vanished": [{"case": c, "verdict": v} for c, v in self.vanished],
            "changed": [asdict(change) for change in self.changed],
            "moved": [asdict(move) for move in self.moved],
        }

    def __str__(self) -> str:
        lines = [f"verdict: {self.before} -> {self.after}"]
        lines += [
            f"changed  {c.case}: {c.before} -> {c.after}"
            + (f": {c.message.splitlines()[0]}" if c.message else "")
            for c in self.changed
        ]
        lines += [f"appeared {case}: {verdict}" for case, verdict in self.appeared]
        lines += [f"vanished {case}: was {verdict}" for case, verdict in self.vanished]
        lines += [
            f"moved    {m.case}: {m.fact} {m.before:g} -> {m.after:g}"
            for m in self.moved
        ]
        return "\n".join(lines if len(lines) > 1 else [*lines, "no case differs"])


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Return what changed between two reports."""
    old, new = _by_case(before), _by_case(after)
    both = [case for case in old if case in new]
    return Difference(
        before=before["verdict"],
        after=after["verdict"],
        appeared=tuple((c, new[c]["verdict"]) for c in new if c not in old),
        vanished=tuple((c, old[c]["verdict"]) for c in old if c not in new),
        changed=tuple(
            Changed(
                case=case,
                before=old[case]["verdict"],
                after=new[case]["verdict"],
                message=new[case]["message"],
            )
            for case in both
            if old[case]["verdict"] != new[case]["verdict"]
        ),
        moved=tuple(
            moved for case in both for moved in _moved(case, old[case], new[case])
        ),
    )


def _by_case(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {f"{check['id']}[{check['label']}]": check for check in report["checks"]}


def _moved(
    case: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[Moved]:
    for fact, was in old["facts"].items():
        now = new["facts"].get(fact)
        if not _number(was) or not _number(now):
            continue
        noise = _NOISE.get(fact.rpartition("_")[2], 0.0)
        change = abs(now - was)
        if change > noise and change > _NOTABLE * abs(was):
            yield Moved(case=case, fact=fact, before=was, after=now)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""Say in one sentence what a service guarantees, from what was measured (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .sentence import plural

_FLAWS = ("duplicated", "corrupted", "reordered")


def guarantee_sentence(service: str, scenarios: Sequence[Mapping[str, Any]]) -> str:
    """Return the guarantee of a service.

    Args:
        service: its name.
        scenarios: those of the document that disturb it.
    """
    return f"{service}: {'; '.join(_clauses(scenarios)) or 'nothing was tried'}."


def _clauses(scenarios: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    passed = [s for s in scenarios if s["verdict"] == "pass"]
    kept = [s for s in passed if s["acknowledged"]]
    if kept:
        events = sum(scenario["acknowledged"] for scenario in kept)
        yield f"{_names(kept)}: no event lost of {events:,}{_recovered(kept)}"
    if silent := [s for s in passed if not s["acknowledged"]]:
        yield f"{_names(silent)}: passed, and no event was sent"
    for scenario in scenarios:
        if scenario["verdict"] == "fail":
            yield f"{scenario['disturbance']}: {', '.join(_broken(scenario))}"
    open_ones = [s for s in scenarios if s["verdict"] == "unknown"]
    if open_ones:
        yield f"not proven under {_names(open_ones)}"


def _broken(scenario: Mapping[str, Any]) -> Iterator[str]:
    lost, events = scenario["lost"], scenario["acknowledged"]
    if lost:
        yield f"{lost:,} of {plural_of(events, 'event')} lost"
        yield f"loss window up to {scenario['loss']['longest_ms']:,.0f} ms"
    elif events:
        yield f"no event lost of {events:,}"
    yield from (f"{scenario[flaw]:,} {flaw}" for flaw in _FLAWS if scenario[flaw])
    red = [cell["check"] for cell in scenario["cells"] if cell["verdict"] == "fail"]
    if red:
        yield f"broken: {', '.join(red)}"


def plural_of(number: int, noun: str) -> str:
    """Return "1 event", "2,000 events"."""
    return plural(number, noun) if number == 1 else f"{number:,} {noun}s"


def _names(scenarios: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(s["disturbance"] for s in scenarios))


def _recovered(scenarios: Sequence[Mapping[str, Any]]) -> str:
    times = [s["recovery_ms"] for s in scenarios if s["recovery_ms"] is not None]
    return f" (worst recovery {max(times) / 1000:.1f} s)" if times else ""

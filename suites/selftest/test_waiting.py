"""Tests wait on facts: nothing but the one module for waiting sleeps."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_SLEEP = frozenset(
    {
        "suites/stackproof/src/stackproof/wait.py",
        "suites/stackproof/src/stackproof/testing.py",
        "suites/stackproof/tests/test_wait.py",
    }
)


def files_for_tests(root: Path) -> list[Path]:
    """Return all tests, and the sources of what only tests use.

    The simulator is a server with a pace of its own and is not among them.
    """
    return sorted(
        {
            *(root / "services").glob("*/tests/**/*.py"),
            *(root / "suites").glob("*/tests/**/*.py"),
            *(root / "suites").glob("*/*.py"),
            *(root / "benchmarks" / "tests").rglob("*.py"),
            *(root / "suites" / "stackproof" / "src").rglob("*.py"),
            *(root / "suites" / "reference" / "src").rglob("*.py"),
        }
    )


def sleeps(source: str) -> Iterator[int]:
    """Yield the lines that call something named sleep for longer than no time."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(args=[ast.Constant(value=0)]):
                continue  # lets other tasks run, and passes no time
            case ast.Call(func=ast.Attribute(attr="sleep") | ast.Name(id="sleep")):
                yield node.lineno
            case _:
                continue


def test_no_test_sleeps() -> None:
    """A fixed pause is either too short or too long."""
    found = [
        f"{name}:{line}"
        for path in files_for_tests(ROOT)
        if (name := path.relative_to(ROOT).as_posix()) not in MAY_SLEEP
        for line in sleeps(path.read_text("utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import time\ntime.sleep(1)", [2]),
        ("from asyncio import sleep\nasync def f():\n    await sleep(0.1)", [3]),
        ("clock.sleep(pause)", [1]),
        ("await_sleep = 1", []),
        ("async def f():\n    await asyncio.sleep(0)", []),
    ],
)
def test_sleep_is_found(source: str, lines: list[int]) -> None:
    """Whatever it is imported as, a call that passes time is caught."""
    assert list(sleeps(source)) == lines

"""Another package brings checks: the example of examples/own-checks."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from stackproof.check import Verdict
from stackproof.errors import UsageError
from stackproof.registry import GROUP, all_checks

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "own-checks"


@pytest.fixture
def fresh_registry() -> Iterator[None]:
    """Forget what was found before and after."""
    all_checks.cache_clear()
    yield
    all_checks.cache_clear()


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example's module, as if it were installed."""
    spec = importlib.util.spec_from_file_location(
        "own_checks", EXAMPLE / "own_checks.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "own_checks", module)
    spec.loader.exec_module(module)
    return module


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, entries: dict[str, str]
) -> None:
    """Write the metadata that an installer would write."""
    info = folder / "own_checks-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: own-checks\nVersion: 0.1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
    monkeypatch.syspath_prepend(str(folder))


@pytest.fixture
def declared() -> dict[str, str]:
    """The entry points that the example's pyproject declares."""
    document = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))
    points: dict[str, str] = document["project"]["entry-points"][GROUP]
    return points


@pytest.mark.usefixtures("fresh_registry", "example")
def test_example_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: dict[str, str]
) -> None:
    """Its check stands beside the built-in ones."""
    install(tmp_path, monkeypatch, declared)

    ids = [check.id for check in all_checks()]

    assert "DEMO-01" in ids
    assert "ORDER-01" in ids
    assert ids == sorted(ids)


@pytest.mark.usefixtures("fresh_registry", "example")
@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("absent_module:CHECKS", "entry point demo of stackproof.checks"),
        ("own_checks:ABSENT", "entry point demo of stackproof.checks"),
        ("own_checks:OWNER", "not only checks"),
        ("stackproof.checks:BUILT_IN", None),
    ],
)
def test_broken_entry_point_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, problem: str | None
) -> None:
    """The user learns which package is wrong; the very same check is no clash."""
    install(tmp_path, monkeypatch, {"demo": entry})

    if problem is None:
        assert all_checks()
        return
    with pytest.raises(UsageError, match=problem):
        all_checks()


def test_example_judges(example: ModuleType) -> None:
    """The judging half needs no engine."""
    assert example.judge_labels({example.OWNER: "team a"}).verdict is Verdict.PASS
    assert example.judge_labels({example.OWNER: " "}).verdict is Verdict.FAIL
    assert example.judge_labels({}).verdict is Verdict.FAIL

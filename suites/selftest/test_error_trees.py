"""The tree that each `errors.py` draws is the tree of its classes."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_DRAWN = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def error_modules(root: Path) -> list[Path]:
    """Return the error modules of all packages of ours."""
    return sorted(
        module
        for sources in ("services/*/src", "suites/*/src", "benchmarks/src")
        for module in root.glob(f"{sources}/*/errors.py")
    )


def drawn_tree(source: str) -> str | None:
    """Return the tree in the module's docstring, if there is one."""
    found = _DRAWN.search(ast.get_docstring(ast.parse(source)) or "")
    return found.group(1) if found else None


def real_tree(source: str) -> str:
    """Draw the error classes of a module, in the order of their definition."""
    parents = error_parents(source)
    lines: list[str] = []
    for name in [name for name, parent in parents.items() if parent is None]:
        lines += [name, *branches(name, parents, indent="")]
    return "".join(f"{line}\n" for line in lines)


def branches(
    parent: str, parents: dict[str, str | None], *, indent: str
) -> Iterator[str]:
    """Yield the lines below one class."""
    children = [name for name, above in parents.items() if above == parent]
    for child in children:
        last = child == children[-1]
        yield f"{indent}{'└── ' if last else '├── '}{child}"
        yield from branches(
            child, parents, indent=indent + ("    " if last else "│   ")
        )


def error_parents(source: str) -> dict[str, str | None]:
    """Return each error class with the class of the same module that it extends."""
    parents: dict[str, str | None] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            bases = [b.id for b in node.bases if isinstance(b, ast.Name)]
            inside = [base for base in bases if base in parents]
            if inside:
                parents[node.name] = inside[0]
            elif any(is_exception(base) for base in bases):
                parents[node.name] = None
    return parents


def is_exception(base: str) -> bool:
    """Tell whether a base from elsewhere is an exception: a built-in or by its name."""
    known = getattr(builtins, base, None)
    if isinstance(known, type):
        return issubclass(known, BaseException)
    return base.endswith(("Error", "Exception"))


def strays(package: Path) -> list[str]:
    """Return exceptions that a package starts outside its tree."""
    return [
        f"{module.name}: {name}"
        for module in sorted(package.rglob("*.py"))
        if module.name != "errors.py"
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
        for name in [node.name]
        if any(
            isinstance(base, ast.Name)
            and hasattr(builtins, base.id)
            and is_exception(base.id)
            for base in node.bases
        )
    ]


def test_error_modules_are_found() -> None:
    """Each distribution has its errors in one module."""
    owners = {module.parent.name for module in error_modules(ROOT)}

    assert owners >= {
        "servicekit",
        "websocket_ingestion",
        "enrichment_pipeline",
        "admin_api",
        "stackproof",
        "ha_simulator",
        "capacity",
    }


@pytest.mark.parametrize(
    "module", error_modules(ROOT), ids=lambda module: module.parent.name
)
def test_drawn_tree_is_the_real_one(module: Path) -> None:
    """The docstring shows the classes that there are."""
    source = module.read_text("utf-8")

    assert drawn_tree(source) == real_tree(source)


@pytest.mark.parametrize(
    "module", error_modules(ROOT), ids=lambda module: module.parent.name
)
def test_package_has_one_root(module: Path) -> None:
    """All errors of a package have the same root, and none grows outside."""
    roots = [n for n, p in error_parents(module.read_text("utf-8")).items() if not p]

    assert len(roots) == 1
    assert strays(module.parent) == []


TREE = '''"""Errors.

```
AError
├── BError
│   └── CError
└── DError
```
"""
from enum import StrEnum
class AError(Exception): ...
class Kind(StrEnum): ...
class BError(AError, ValueError): ...
class CError(BError): ...
class DError(AError): ...
'''


def test_true_tree_passes() -> None:
    """Nesting, order and other classes in the module are understood."""
    assert drawn_tree(TREE) == real_tree(TREE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("class CError(BError)", "class CError(AError)"),
        ("class DError(AError): ...\n", ""),
        (
            "class DError(AError): ...",
            "class DError(AError): ...\nclass EError(DError): ...",
        ),
        ("├── BError", "├── XError"),
        ("```\n", ""),
    ],
    ids=["moved", "removed", "added", "renamed", "not drawn"],
)
def test_false_tree_is_found(old: str, new: str) -> None:
    """A tree that was not drawn anew is caught."""
    changed = TREE.replace(old, new)

    assert changed != TREE
    assert drawn_tree(changed) != real_tree(changed)


def test_stray_error_is_found(tmp_path: Path) -> None:
    """An exception beside the tree is caught; one that extends it is not."""
    (tmp_path / "errors.py").write_text(TREE)
    (tmp_path / "a.py").write_text("class Late(RuntimeError): ...\n")
    (tmp_path / "b.py").write_text("class Fine(AError): ...\n")

    assert strays(tmp_path) == ["a.py: Late"]

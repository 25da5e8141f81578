"""The public face of each package: `__all__` is sorted, and every name exists."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def faces(root: Path) -> list[Path]:
    """Return the `__init__.py` of all packages and subpackages of ours."""
    return sorted(
        face
        for sources in ("services/*/src", "suites/*/src", "benchmarks/src")
        for face in root.glob(f"{sources}/**/__init__.py")
    )


def problems(face: Path) -> list[str]:
    """Return what is wrong with one public face."""
    tree = ast.parse(face.read_text("utf-8"))
    found = [] if ast.get_docstring(tree) else ["has no docstring"]
    exported = exported_names(tree)
    if exported is None:
        return [*found, "has no __all__ that is a list of texts"]
    if exported != sorted(exported, key=sort_key):
        found.append(f"__all__ is not sorted: {sorted(exported, key=sort_key)}")
    if len(set(exported)) < len(exported):
        found.append("__all__ names something twice")
    there = defined_names(tree)
    missing = [name for name in exported if name not in there]
    found += [f"__all__ names {name}, which is not there" for name in missing]
    return found + broken_imports(tree, face.parent)


def sort_key(name: str) -> tuple[int, str]:
    """Order constants before classes before the rest, as ruff sorts `__all__`."""
    if name.isupper():
        return 0, name
    return (1 if name[:1].isupper() else 2), name


def exported_names(tree: ast.Module) -> list[str] | None:
    """Return the entries of `__all__`, or None where there is no such list."""
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                pass
            case ast.AnnAssign(
                target=ast.Name(id="__all__"), value=ast.expr() as value
            ):
                pass
            case _:
                continue
        if not isinstance(value, ast.List | ast.Tuple):
            return None
        texts = [e.value for e in value.elts if isinstance(e, ast.Constant)]
        names = [text for text in texts if isinstance(text, str)]
        return names if len(names) == len(value.elts) else None
    return None


def defined_names(tree: ast.Module) -> set[str]:
    """Return the names at the top of a module."""
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=imported) | ast.ImportFrom(names=imported):
                names |= {(i.asname or i.name).partition(".")[0] for i in imported}
            case ast.Assign(targets=targets):
                names |= {t.id for t in targets if isinstance(t, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                continue
    return names


def broken_imports(tree: ast.Module, package: Path) -> list[str]:
    """Return the names that are imported from a neighbour that does not have them."""
    found = []
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or node.level != 1:
            continue
        source = package / (node.module or "").replace(".", "/")
        module = next(
            (
                p
                for p in (source.with_suffix(".py"), source / "__init__.py")
                if p.exists()
            ),
            None,
        )
        there = defined_names(ast.parse(module.read_text("utf-8"))) if module else set()
        found += [
            f"imports {name.name} from .{node.module or ''}, where it is not"
            for name in node.names
            if name.name not in there
            and not (source / name.name).with_suffix(".py").exists()
            and not (source / name.name / "__init__.py").exists()
        ]
    return found


def test_packages_are_found() -> None:
    """Each distribution has a package to look at."""
    packages = {face.parent.name for face in faces(ROOT)}

    assert {"servicekit", "stackproof", "ha_simulator", "capacity"} <= packages


@pytest.mark.parametrize(
    "face", faces(ROOT), ids=lambda face: face.parent.name if face else ""
)
def test_public_face_is_true(face: Path) -> None:
    """A package offers what it says, in order."""
    assert problems(face) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('"""D."""\n', "has no __all__ that is a list of texts"),
        ("__all__ = []", "has no docstring"),
        ('"""D."""\n__all__ = name', "has no __all__ that is a list of texts"),
        ('"""D."""\n__all__ = ["a"]', "__all__ names a, which is not there"),
        (
            '"""D."""\na = b = 1\n__all__ = ["b", "a"]',
            "__all__ is not sorted: ['a', 'b']",
        ),
        ('"""D."""\na = 1\n__all__ = ["a", "a"]', "__all__ names something twice"),
        (
            '"""D."""\nfrom .other import a, gone\n__all__ = ["a"]',
            "imports gone from .other, where it is not",
        ),
        (
            '"""D."""\nfrom .absent import a\n__all__ = ["a"]',
            "imports a from .absent, where it is not",
        ),
    ],
)
def test_false_face_is_found(tmp_path: Path, text: str, problem: str) -> None:
    """Each kind of false promise is caught."""
    (tmp_path / "other.py").write_text("a = 1\n")
    face = tmp_path / "__init__.py"
    face.write_text(text)

    assert problems(face) == [problem]


def test_true_face_passes(tmp_path: Path) -> None:
    """Imports, submodules, definitions and all orders of names are understood."""
    (tmp_path / "other.py").write_text(
        "def run(): ...\nclass Run: ...\nLIMIT: int = 1\n"
    )
    face = tmp_path / "__init__.py"
    face.write_text(
        '"""D."""\nfrom . import other\nfrom .other import LIMIT, Run, run\n'
        '__version__ = "1"\n__all__ = ["LIMIT", "Run", "__version__", "other", "run"]\n'
    )

    assert problems(face) == []

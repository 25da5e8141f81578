"""Who may import whom: the rooms of the architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A folder or file, the package in it, and what it may import besides itself."""

    folder: str
    package: str | None = None
    may_import: frozenset[str] = frozenset()


def service(folder: str, package: str) -> Room:
    """Return the room of a service: its own package and servicekit."""
    return Room(
        folder=f"services/{folder}",
        package=package,
        may_import=frozenset({"servicekit"}),
    )


def suite(folder: str) -> Room:
    """Return the room of a suite: the kit, and the stack that is under test."""
    return Room(folder=folder, may_import=frozenset({"stackproof", "reference_stack"}))


ROOMS = (
    Room(folder="services/servicekit", package="servicekit"),
    service("websocket-ingestion", "websocket_ingestion"),
    service("enrichment-pipeline", "enrichment_pipeline"),
    service("admin-api", "admin_api"),
    # What is tested of all services in the same way.
    Room(folder="services/conftest.py"),
    Room(
        folder="services/tests",
        may_import=frozenset(
            {"servicekit", "websocket_ingestion", "enrichment_pipeline", "admin_api"}
        ),
    ),
    Room(folder="suites/stackproof", package="stackproof"),
    Room(folder="suites/simulator", package="ha_simulator"),
    Room(
        folder="suites/reference",
        package="reference_stack",
        may_import=frozenset({"stackproof"}),
    ),
    Room(folder="suites/selftest"),
    suite("suites/smoke"),
    suite("suites/deployment"),
    suite("suites/integration"),
    suite("suites/foreign"),
    suite("suites/acceptance"),
    Room(
        folder="benchmarks/micro",
        may_import=frozenset(
            {"stackproof", "servicekit", "websocket_ingestion", "enrichment_pipeline"}
        ),
    ),
    Room(
        folder="benchmarks",
        package="capacity",
        may_import=frozenset({"stackproof", "reference_stack"}),
    ),
    Room(folder="stack"),
)
FIRST_PARTY = frozenset(room.package for room in ROOMS if room.package)
# What is installed does not know the test runner, except where fixtures are made.
MAY_IMPORT_PYTEST = (
    "suites/stackproof/src/stackproof/pytest_plugin.py",
    "suites/stackproof/src/stackproof/pytest_collect.py",
    "suites/reference/src/",
)
# The load runs in processes without pytest.
NOT_FOR_BENCHMARKS = "stackproof.pytest_plugin"


def imported_modules(source: str) -> frozenset[str]:
    """Return the absolute modules that a source imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found |= {name.name for name in names}
            case ast.ImportFrom(module=str(module), names=names, level=0):
                found |= {module, *(f"{module}.{name.name}" for name in names)}
            case _:
                continue
    return frozenset(found)


def touches_search_path(source: str) -> bool:
    """Tell whether a source changes where modules are found."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "path"
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
        for node in ast.walk(ast.parse(source))
    )


def broken_rules(root: Path) -> list[str]:
    """Return one sentence for each import that the rooms forbid."""
    return sorted(
        f"{file}: {problem}"
        for file in python_files(root)
        for problem in problems(file, (root / file).read_text("utf-8"))
    )


def python_files(root: Path) -> Iterator[str]:
    """Yield the sources below the folders that hold code of ours."""
    for top in ("services", "suites", "benchmarks", "stack"):
        for path in (root / top).rglob("*.py"):
            parts = path.relative_to(root).parts
            if not any(part.startswith(".") or part == "build" for part in parts):
                yield "/".join(parts)


def problems(file: str, source: str) -> Iterator[str]:
    """Yield what is wrong with the imports of one file."""
    room = next((r for r in ROOMS if f"{file}/".startswith(f"{r.folder}/")), None)
    if room is None:
        yield "is in no room: name its folder in ROOMS"
        return
    modules = imported_modules(source)
    packages = {module.partition(".")[0] for module in modules}
    for package in sorted(packages & FIRST_PARTY - {room.package} - room.may_import):
        yield f"imports {package}"
    knows_pytest = "/src/" in file and "pytest" in packages
    if knows_pytest and not file.startswith(MAY_IMPORT_PYTEST):
        yield "imports pytest"
    if room.folder == "benchmarks" and NOT_FOR_BENCHMARKS in modules:
        yield f"imports {NOT_FOR_BENCHMARKS}"
    if touches_search_path(source):
        yield "changes sys.path"


def test_every_import_stays_in_its_room() -> None:
    """The sources of this repository keep to the rooms."""
    assert broken_rules(ROOT) == []


def test_sources_are_found() -> None:
    """The rule is looked at where the code is."""
    files = list(python_files(ROOT))
    sources = {f"{r.folder}/src/{r.package}/__init__.py" for r in ROOMS if r.package}

    assert sources <= set(files)


@pytest.mark.parametrize(
    ("file", "line", "problem"),
    [
        (
            "services/admin-api/src/admin_api/app.py",
            "import websocket_ingestion.spool",
            "imports websocket_ingestion",
        ),
        (
            "services/servicekit/src/servicekit/http.py",
            "def late():\n    from admin_api import app",
            "imports admin_api",
        ),
        (
            "services/admin-api/tests/test_app.py",
            "import stackproof",
            "imports stackproof",
        ),
        (
            "suites/smoke/test_start.py",
            "from servicekit import wire",
            "imports servicekit",
        ),
        (
            "suites/smoke/test_start.py",
            "import ha_simulator",
            "imports ha_simulator",
        ),
        (
            "suites/stackproof/src/stackproof/wait.py",
            "from reference_stack import ReferenceStack",
            "imports reference_stack",
        ),
        (
            "suites/stackproof/src/stackproof/wait.py",
            "import pytest",
            "imports pytest",
        ),
        (
            "suites/simulator/src/ha_simulator/shell/app.py",
            "import servicekit",
            "imports servicekit",
        ),
        (
            "benchmarks/src/capacity/run.py",
            "import enrichment_pipeline",
            "imports enrichment_pipeline",
        ),
        (
            "benchmarks/micro/test_frames.py",
            "import ha_simulator",
            "imports ha_simulator",
        ),
        (
            "suites/smoke/test_start.py",
            "import capacity",
            "imports capacity",
        ),
        (
            "benchmarks/run.py",
            "from stackproof import pytest_plugin",
            "imports stackproof.pytest_plugin",
        ),
        (
            "suites/smoke/conftest.py",
            "import sys\nsys.path[:0] = []",
            "changes sys.path",
        ),
        ("services/new/src/new/app.py", "", "is in no room: name its folder in ROOMS"),
    ],
)
def test_broken_rule_is_found(
    tmp_path: Path, file: str, line: str, problem: str
) -> None:
    """Each kind of wrong import is caught, at the place where it stands."""
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line)

    assert broken_rules(tmp_path) == [f"{file}: {problem}"]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("services/admin-api/src/admin_api/app.py", "from servicekit import http"),
        ("services/admin-api/src/admin_api/app.py", "from .errors import AdminError"),
        ("services/admin-api/tests/test_app.py", "import pytest\nimport admin_api.app"),
        ("suites/stackproof/src/stackproof/pytest_plugin.py", "import pytest"),
        ("suites/smoke/test_start.py", "import pytest\nfrom stackproof import stops"),
        ("benchmarks/run.py", "from stackproof import wait_until"),
        ("benchmarks/micro/test_frames.py", "import websocket_ingestion.frames"),
    ],
)
def test_allowed_import_passes(tmp_path: Path, file: str, line: str) -> None:
    """What the rooms allow is not complained about."""
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line)

    assert broken_rules(tmp_path) == []

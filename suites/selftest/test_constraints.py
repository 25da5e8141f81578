"""The pins are complete, hashed, free of addresses, and what is installed here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).resolve().parents[2]
PINS = ROOT / "constraints.txt"
# Versions of the interpreter's own installer are nobody's dependency.
INSTALLERS = frozenset({"pip", "setuptools", "wheel"})
_HASH = r"\n    --hash=sha256:[0-9a-f]{64}"
_PIN = re.compile(rf"([\w.-]+)==(\S+)(?: ; ([^\\]+))?(?: \\{_HASH})+\n")
_COMMENT = re.compile(r"#[^\n]*\n")
_NAME = re.compile(r"[\w.-]+")


def normal(name: str) -> str:
    """Return the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(text: str) -> dict[str, str]:
    """Return name and version of each pin; of several, the one for this interpreter.

    Raises:
        ValueError: a line is neither a comment nor part of a hashed pin, so it may be
            an address, an option or a pin without a hash.
    """
    pins: dict[str, str] = {}
    position = 0
    while position < len(text):
        if comment := _COMMENT.match(text, position):
            position = comment.end()
            continue
        pin = _PIN.match(text, position)
        if pin is None:
            line = text[position:].partition("\n")[0]
            message = f"no hashed pin: {line!r}"
            raise ValueError(message)
        name, version, marker = pin.groups()
        if marker is None or normal(name) not in pins or Marker(marker).evaluate():
            pins[normal(name)] = version
        position = pin.end()
    return pins


def asked_for(document: dict[str, Any]) -> Iterator[str]:
    """Yield the names of everything that one pyproject.toml depends on."""
    project = document.get("project", {})
    requirements = [
        *document.get("build-system", {}).get("requires", []),
        *project.get("dependencies", []),
    ]
    for extra in project.get("optional-dependencies", {}).values():
        requirements += extra
    for group in document.get("dependency-groups", {}).values():
        requirements += [entry for entry in group if isinstance(entry, str)]
    for requirement in requirements:
        found = _NAME.match(requirement)
        if found:
            yield normal(found.group())


def project_files(root: Path) -> list[Path]:
    """Return every pyproject.toml of ours."""
    return [
        root / "pyproject.toml",
        *sorted(root.glob("*/pyproject.toml")),
        *sorted(root.glob("*/*/pyproject.toml")),
    ]


def load(path: Path) -> dict[str, Any]:
    """Return one pyproject.toml."""
    return tomllib.loads(path.read_text("utf-8"))


def own_names(root: Path) -> set[str]:
    """Return the names of our own distributions, which are installed from folders."""
    return {normal(load(path)["project"]["name"]) for path in project_files(root)}


def test_every_dependency_is_pinned() -> None:
    """Who adds a name to a pyproject.toml runs `make lock` too."""
    pins = read_pins(PINS.read_text("utf-8"))
    missing = {
        f"{path.parent.relative_to(ROOT)}: {name}"
        for path in project_files(ROOT)
        for name in asked_for(load(path))
        if name not in pins and name not in own_names(ROOT)
    }

    assert missing == set()


def test_our_own_packages_are_not_pinned() -> None:
    """A pin of ours would be a stranger's package of the same name."""
    assert own_names(ROOT) & read_pins(PINS.read_text("utf-8")).keys() == set()


def test_what_is_installed_is_what_is_pinned() -> None:
    """This environment holds the pinned versions and nothing else."""
    pins = read_pins(PINS.read_text("utf-8"))
    installed = {normal(d.metadata["Name"]): d.version for d in distributions()}
    foreign = installed.keys() - own_names(ROOT) - INSTALLERS

    assert {name: installed[name] for name in foreign} == {
        name: pins.get(name) for name in foreign
    }


HASH = f"    --hash=sha256:{'0' * 64}"


@pytest.mark.parametrize(
    "text",
    [
        "name==1.0\n",
        "name>=1.0 \\\n" + HASH + "\n",
        "--index-url https://example.org\nname==1.0 \\\n" + HASH + "\n",
        "name @ https://example.org/name.whl \\\n" + HASH + "\n",
        "-e ./services/servicekit\n",
        "name==1.0 \\\n    --hash=md5:00\n",
    ],
)
def test_line_that_is_no_hashed_pin_is_found(text: str) -> None:
    """An address, an option, a range or a missing hash does not pass."""
    with pytest.raises(ValueError, match="no hashed pin"):
        read_pins(text)


def test_pins_are_read() -> None:
    """Comments, markers and several hashes are understood."""
    text = (
        "# made by make lock\n"
        f"Some_Name==1.0 ; sys_platform == 'win32' \\\n{HASH} \\\n{HASH}\n"
        f"other==2.0.post1 \\\n{HASH}\n"
    )

    assert read_pins(text) == {"some-name": "1.0", "other": "2.0.post1"}


@pytest.mark.parametrize(
    ("first", "second", "version"),
    [(">= '3'", "< '3'", "1.0"), ("< '3'", ">= '3'", "2.0")],
)
def test_pin_for_this_interpreter_counts(first: str, second: str, version: str) -> None:
    """Where interpreters need different versions, each has a pin of its own."""
    text = (
        f"name==1.0 ; python_full_version {first} \\\n{HASH}\n"
        f"name==2.0 ; python_full_version {second} \\\n{HASH}\n"
    )

    assert read_pins(text) == {"name": version}


def test_all_kinds_of_dependencies_are_asked_for() -> None:
    """Build, run, extra and group dependencies count, whatever their form."""
    document = tomllib.loads(
        """
        [build-system]
        requires = ["hatchling"]
        [project]
        dependencies = ["aiohttp>=3", "stackproof[influx]"]
        [project.optional-dependencies]
        fast = ["uvloop ; sys_platform != 'win32'"]
        [dependency-groups]
        test = ["Py.Test", { include-group = "other" }]
        """
    )

    assert set(asked_for(document)) == {
        "hatchling",
        "aiohttp",
        "stackproof",
        "uvloop",
        "py-test",
    }

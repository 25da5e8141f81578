"""The two env files are the reference of all variables, and hold no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

STACK = Path(__file__).resolve().parents[2] / "stack"
DEVELOPMENT, PRODUCTION = STACK / ".env.development", STACK / ".env.production"
# Compose reads these itself; no file has to mention them.
FOR_COMPOSE = re.compile(r"COMPOSE_[A-Z_]+")
_USED = re.compile(r"(?<!\$)(?:\$\$)*\$(?:\{([A-Za-z_]\w*)|([A-Za-z_]\w*))")
_LINE = re.compile(r"([A-Za-z_]\w*)=(.*)")
_SECRET = re.compile(r"(?:TOKEN|PASSWORD|SECRET|API_KEY)$")
_PLACEHOLDER = re.compile(r"your_\w+|changeme|replace_me|<[^>]+>|")


@dataclass(slots=True)
class EnvFile:
    """What one env file lists, and what is wrong with how."""

    values: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_env(text: str) -> EnvFile:
    """Read an env file strictly: a comment, then one NAME=value."""
    env = EnvFile()
    explained = False
    for line in text.splitlines():
        if line.startswith("#"):
            explained = bool(line.strip("# "))
            continue
        found = _LINE.fullmatch(line)
        if found:
            name, value = found.groups()
            env.problems += complaints(name, value, env.values, explained=explained)
            env.values[name] = value
        elif line.strip():
            env.problems.append(f"no comment and no NAME=value: {line!r}")
        explained = False
    return env


def complaints(
    name: str, value: str, before: dict[str, str], *, explained: bool
) -> Iterator[str]:
    """Yield what is wrong with one variable."""
    if name in before:
        yield f"{name} is there twice"
    if not explained:
        yield f"{name} has no comment right above it"
    if _SECRET.search(name) and not _PLACEHOLDER.fullmatch(value):
        yield f"{name} holds a secret value"


def used_variables(text: str) -> set[str]:
    """Return the variables that a Compose file takes from outside.

    They stand in texts as `${NAME…}` or `$NAME` (a doubled dollar is a plain one), and
    under `environment` as a name without a value.
    """
    document = yaml.load(text, Loader=_ComposeLoader)  # noqa: S506 a safe loader
    return set(interpolated(document)) | set(handed_on(document))


def interpolated(node: Any) -> Iterator[str]:
    """Yield the names in all texts of a document, nested defaults included."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from interpolated(key)
            yield from interpolated(value)
    elif isinstance(node, list):
        for item in node:
            yield from interpolated(item)
    elif isinstance(node, str):
        for braced, bare in _USED.findall(node):
            yield braced or bare


def handed_on(document: Any) -> Iterator[str]:
    """Yield the names that a service takes over from the env file as they are."""
    for service in (document.get("services") or {}).values():
        environment = (service or {}).get("environment") or {}
        if isinstance(environment, dict):
            yield from (name for name, value in environment.items() if value is None)
        else:
            yield from (name for name in environment if "=" not in name)


class _ComposeLoader(yaml.SafeLoader):
    """Reads Compose's own tags, such as `!reset`, as what stands behind them."""


def _behind_tag(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return None


_ComposeLoader.add_multi_constructor("!", _behind_tag)


@pytest.mark.parametrize("path", [DEVELOPMENT, PRODUCTION], ids=lambda path: path.name)
def test_file_is_in_order(path: Path) -> None:
    """Each variable is there once, with a comment and without a secret."""
    assert read_env(path.read_text("utf-8")).problems == []


def test_both_files_have_the_same_variables() -> None:
    """What can be set in development can be set in production, in the same order."""
    development, production = (
        list(read_env(path.read_text("utf-8")).values)
        for path in (DEVELOPMENT, PRODUCTION)
    )

    assert development == production


def test_files_list_exactly_what_compose_uses() -> None:
    """No variable is missing from the reference, and none is there for nothing."""
    used = set[str]().union(
        *(
            used_variables(path.read_text("utf-8"))
            for path in STACK.glob("docker-compose*.yml")
        )
    )
    listed = set(read_env(PRODUCTION.read_text("utf-8")).values)

    assert used - listed == set()
    assert {name for name in listed - used if not FOR_COMPOSE.fullmatch(name)} == set()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("NAME=1\n", "NAME has no comment right above it"),
        ("# Why.\n\nNAME=1\n", "NAME has no comment right above it"),
        ("#\nNAME=1\n", "NAME has no comment right above it"),
        ("# Why.\nNAME=1\n# Again.\nNAME=2\n", "NAME is there twice"),
        ("# Why.\nexport NAME\n", "no comment and no NAME=value: 'export NAME'"),
        ("# Why.\nADMIN_TOKEN=s3cr3t\n", "ADMIN_TOKEN holds a secret value"),
        ("# Why.\nWEATHER_API_KEY=0123\n", "WEATHER_API_KEY holds a secret value"),
    ],
)
def test_disorder_is_found(text: str, problem: str) -> None:
    """Each kind of disorder is named."""
    assert read_env(text).problems == [problem]


@pytest.mark.parametrize(
    "line", ["TOKEN=", "TOKEN=your_token", "TOKEN=<token>", "TOKEN_FILE=/run/x"]
)
def test_empty_and_placeholder_values_are_no_secrets(line: str) -> None:
    """A template may show where a secret goes."""
    assert read_env(f"# Why.\n{line}\n").problems == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("services: {a: {image: 'x:${TAG}'}}", {"TAG"}),
        ("services: {a: {image: 'x:${TAG:-1}'}}", {"TAG"}),
        ("services: {a: {image: '${NAME:?see here}/$TAG'}}", {"NAME", "TAG"}),
        ("services: {a: {image: '${NAME:-${OTHER}}'}}", {"NAME", "OTHER"}),
        ("services: {a: {command: 'echo $$HOME $${HOME}'}}", set()),
        ("services: {a: {command: 'echo $$$HOME'}}", {"HOME"}),
        ("# ${COMMENT}\nservices: {}", set()),
        ("services: {a: {environment: {KEY: , OTHER: x}}}", {"KEY"}),
        ("services: {a: {environment: [KEY, OTHER=x]}}", {"KEY"}),
        ("services: {a: {ports: !override ['${PORT}:1'], b: !reset null}}", {"PORT"}),
    ],
)
def test_used_variables_are_found(text: str, names: set[str]) -> None:
    """Compose's ways to take a variable are known, and its plain dollars too."""
    assert used_variables(text) == names

"""Read a stack's files: as Compose understands them, and as they were written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..compose import Compose
from ..errors import ComposeError, ComposeTimeout, FileRefused, SourceError
from ..model import StackModel
from ..parsing import parse_config
from .refusal import read_refusal

_BOOL = "tag:yaml.org,2002:bool"
# In YAML 1.1 a key `on` is True and 2026-01-01 a date.
_YAML_1_1 = frozenset({_BOOL, "tag:yaml.org,2002:timestamp"})
_WARNING = re.compile(r'level=warning msg="(?P<text>(?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a stack promises.

    Attributes:
        compose: the project that the files were read for; for owned runs its name is
            the one that the files ask for, not the random one.
        document: what `docker compose config` printed, as plain data.
        model: the same, parsed.
        written: the files as they were written, in order: path to plain data.
        warnings: what Compose warned about while reading.
    """

    compose: Compose
    document: Mapping[str, Any] = field(repr=False)
    model: StackModel = field(repr=False)
    written: Mapping[Path, Mapping[str, Any]] = field(repr=False, default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_contract(compose: Compose) -> Contract:
    """Return what the project's files promise.

    Raises:
        SourceError: a file is missing.
        FileRefused: one is not valid, names a file that is not there, or needs a
            variable that is not set; tells where, as far as Compose does.
    """
    for path in compose.files:
        if not path.is_file():
            raise SourceError(str(path), "no such file")
    written = {path: _read_written(path) for path in compose.files}
    try:
        text, said = compose.config_and_warnings()
    except ComposeTimeout:
        raise
    except ComposeError as err:
        raise FileRefused(compose, read_refusal(err.evidence, written)) from err
    return Contract(
        compose=compose,
        document=json.loads(text),
        model=parse_config(text),
        written=written,
        warnings=parse_warnings(said),
    )


def parse_warnings(text: str) -> tuple[str, ...]:
    """Return the messages of Compose's log lines of level warning, each once (pure)."""
    found = (match["text"] for match in _WARNING.finditer(text))
    unescaped = (message.replace('\\"', '"') for message in found)
    return tuple(dict.fromkeys(unescaped))


class _AnyTag(yaml.SafeLoader):
    """Reads as Compose does: YAML 1.2 without dates, tags as the value behind them."""


def _plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return None


_AnyTag.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in _YAML_1_1]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_AnyTag.add_multi_constructor("!", _plain)
_AnyTag.add_implicit_resolver(_BOOL, re.compile("true|false|True|False"), list("tTfF"))


def _read_written(path: Path) -> Mapping[str, Any]:
    """Return a file as it was written.

    Where PyYAML gives up, or the file cannot be read, nothing is known of the file
    beside what Compose says.
    """
    try:
        with path.open(encoding="utf-8") as file:
            document = yaml.load(file, Loader=_AnyTag)  # noqa: S506 - a SafeLoader
    except (OSError, yaml.YAMLError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}

"""The published shape of the documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from ..errors import SourceError

REPORT = "report.schema.json"
PLAN = "plan.schema.json"
MATRIX = "matrix.schema.json"


def load_schema(name: str) -> Mapping[str, Any]:
    """Return a schema of this package."""
    text = files(__package__).joinpath(name).read_text("utf-8")
    schema: Mapping[str, Any] = json.loads(text)
    return schema


def validate(document: object, name: str, *, origin: str) -> None:
    """Compare a document with a schema.

    Raises:
        SourceError: it does not have the shape; names the place.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - slow, rarely needed

    problems = Draft202012Validator(load_schema(name)).iter_errors(document)
    for problem in sorted(problems, key=lambda found: found.json_path):
        raise SourceError(origin, f"{problem.json_path}: {problem.message[:300]}")

"""The published shape of report.json, made from the structs.

`python -m capacity.document.schema` prints it; `make report-schema` keeps the file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import msgspec

from .report import SCHEMA_VERSION, Report

__all__ = ["SCHEMA_FILE", "generated_schema", "published_schema"]

SCHEMA_FILE: Final = "report.schema.json"


def generated_schema() -> dict[str, Any]:
    """Return the schema that the structs stand for."""
    (root,), parts = msgspec.json.schema_components(
        [Report], ref_template="#/$defs/{name}"
    )
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ha-ingestor:capacity-report:{SCHEMA_VERSION}",
        "title": f"Report of a capacity run, version {SCHEMA_VERSION}",
        **root,
        "$defs": dict(sorted(parts.items())),
    }
    # As a reader of the file has it: a default that is a tuple is a list there.
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schema))
    return plain


def published_schema() -> Mapping[str, Any]:
    """Return the schema as the package ships it."""
    text = files(__package__).joinpath(SCHEMA_FILE).read_text("utf-8")
    schema: Mapping[str, Any] = json.loads(text)
    return schema


def schema_text() -> str:
    """Return the schema as the file holds it."""
    return f"{json.dumps(generated_schema(), indent=2, ensure_ascii=False)}\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())

"""Tests of the published schema: it is the structs', and it judges as they do."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from capacity.document import Report, encode
from capacity.document.schema import (
    SCHEMA_FILE,
    generated_schema,
    published_schema,
    schema_text,
)

Make = Callable[..., Report]


def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(published_schema())


def test_published_schema_is_that_of_the_structs() -> None:
    """The file is what the structs stand for; `make report-schema` renews it."""
    assert published_schema() == generated_schema()
    assert files("capacity.document").joinpath(SCHEMA_FILE).read_text() == schema_text()


def test_schema_is_a_schema() -> None:
    """It follows the draft that it names."""
    jsonschema.Draft202012Validator.check_schema(published_schema())


def test_document_has_the_shape(made_up: Make) -> None:
    """What is written is valid by the schema."""
    problems = list(_validator().iter_errors(json.loads(encode(made_up()))))

    assert problems == []


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda d: d.pop("slo"), "$"),
        (lambda d: d.update(more=1), "$"),
        (lambda d: d.update(schema_version=2), "$.schema_version"),
        (lambda d: d["run"].update(profile="huge"), "$.run.profile"),
        (lambda d: d["environment"].update(cgroup=3), "$.environment.cgroup"),
        (lambda d: d["trials"][0].update(window_s=0), "$.trials[0].window_s"),
        (
            lambda d: d["trials"][0]["accounting"].update(lost=-1),
            "$.trials[0].accounting.lost",
        ),
    ],
)
def test_wrong_document_is_refused(
    made_up: Make, change: Callable[[Any], object], place: str
) -> None:
    """What the structs refuse, the schema refuses at the same place."""
    document = json.loads(encode(made_up()))
    change(document)

    assert place in {e.json_path for e in _validator().iter_errors(document)}

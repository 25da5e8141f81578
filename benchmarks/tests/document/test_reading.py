"""Tests of reading and writing report.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capacity.document import REPORT_JSON, Report, decode, encode, read
from capacity.errors import DocumentUnusable

Make = Callable[..., Report]


def test_document_survives_its_file(made_up: Make, tmp_path: Path) -> None:
    """What is written is read again, from the folder and from the file."""
    report = made_up()
    (tmp_path / REPORT_JSON).write_bytes(encode(report))

    assert read(tmp_path) == report
    assert read(tmp_path / REPORT_JSON) == report


def test_document_of_before_is_read(made_up: Make) -> None:
    """One that was written before there were targets."""
    old = json.loads(encode(made_up()))
    del old["speed"]

    assert decode(json.dumps(old).encode(), origin="here") == made_up(speed=None)


def test_same_document_gives_same_bytes(made_up: Make) -> None:
    """Writing depends on the document alone."""
    assert encode(made_up()) == encode(made_up())


def test_absent_file_says_what_to_name(tmp_path: Path) -> None:
    """Without a report the message says where one is looked for."""
    with pytest.raises(DocumentUnusable) as caught:
        read(tmp_path)

    assert caught.value.file == str(tmp_path / REPORT_JSON)
    assert "there is no such file" in str(caught.value)
    assert "to fix it: name the folder of a run" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[]", "is no capacity report"),
        (b'{"checks": []}', "is no capacity report"),
        (b'{"schema_version": "1"}', "is no capacity report"),
        (b'{"schema_version": 2}', "newer version (2; this one reads 1)"),
        (b'{"schema_version": 0}', "older version (0; this one reads 1)"),
    ],
)
def test_other_file_is_told_apart(content: bytes, problem: str) -> None:
    """No JSON, another kind of report, and another version have their own message."""
    with pytest.raises(DocumentUnusable) as caught:
        decode(content, origin="there.json")

    assert problem in caught.value.problem
    assert str(caught.value).startswith("there.json")
    assert "to fix it: " in str(caught.value)


def _changed(report: Report, change: Callable[[Any], object]) -> bytes:
    document = json.loads(encode(report))
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("change", "key", "problem"),
    [
        (lambda d: d.pop("slo"), "", "missing required field `slo`"),
        (lambda d: d["run"].update(seed="x"), "run.seed", "Expected `int`"),
        (lambda d: d["run"].update(sead=1), "run", "unknown field `sead`"),
        (lambda d: d["run"].update(profile="huge"), "run.profile", "'huge'"),
        (
            lambda d: d["run"].update(started="2026-11-25T08:30:00"),
            "run.started",
            "timezone",
        ),
        (lambda d: d["slo"].update(p=1.5), "slo.p", "< 1.0"),
        (
            lambda d: d["trials"][3].update(target_eps=0),
            "trials[3].target_eps",
            "> 0.0",
        ),
        (lambda d: d["trials"][1].update(id="W1"), "", "two trials have the id W1"),
        (
            lambda d: d["verdict"].update(sustained_trial="X"),
            "",
            "names X, which is no trial",
        ),
        (
            lambda d: d["verdict"]["edge"].update(lower=900.0),
            "verdict.edge",
            "lower 900 is above upper 476",
        ),
        (
            lambda d: d["trials"][6].update(reasons=[]),
            "trials[6]",
            "gives no reason",
        ),
        (
            lambda d: d["recommendations"][0].update(evidence=[]),
            "recommendations[0]",
            "gives no evidence",
        ),
        (
            lambda d: d["timeline"]["containers"]["influxdb"]["cpu_cores"].pop(),
            "timeline.containers[...]",
            "differ in length",
        ),
    ],
)
def test_wrong_key_is_named(
    made_up: Make, change: Callable[[Any], object], key: str, problem: str
) -> None:
    """A message names the key that is wrong, and what is wrong with it."""
    with pytest.raises(DocumentUnusable) as caught:
        decode(_changed(made_up(), change), origin="report.json")

    assert caught.value.key == key
    assert problem in caught.value.problem

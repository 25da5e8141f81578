"""Tests of `stackproof.contract.source`."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.compose import Compose
from stackproof.contract.source import parse_warnings, read_contract
from stackproof.errors import SourceError
from stackproof.testing import Answer, FakeDocker

CONFIG = ("config", "--format=json")
WARNING = (
    'time="2026-01-01T00:00:00Z" level=warning msg="The \\"TAG\\" variable is not set."'
)


def compose(file: Path, answer: Answer) -> Compose:
    """Return a project of one file whose docker command has a set answer."""
    return Compose(project="", files=(file,), run=FakeDocker(answers={CONFIG: answer}))


def test_contract_holds_what_compose_says_and_what_is_written(tmp_path: Path) -> None:
    """Tags of Compose and dates are read as plain values."""
    file = tmp_path / "compose.yml"
    file.write_text("services:\n  web: {ports: !reset [], labels: {on: 2026-01-01}}\n")
    answer = Answer(stdout='{"name": "demo", "services": {"web": {}}}', stderr=WARNING)

    contract = read_contract(compose(file, answer))

    assert contract.model.project == "demo"
    assert contract.document["services"] == {"web": {}}
    assert contract.warnings == ('The "TAG" variable is not set.',)
    web = contract.written[file]["services"]["web"]
    assert web == {"ports": [], "labels": {"on": "2026-01-01"}}


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "", "\x00"])
def test_text_that_only_compose_can_read_is_left_out(tmp_path: Path, text: str) -> None:
    """What was written is extra knowledge: without it, Compose's word counts."""
    file = tmp_path / "compose.yml"
    file.write_text(text)

    contract = read_contract(compose(file, Answer(stdout='{"services": {}}')))

    assert contract.written == {file: {}}


def test_missing_file_is_named(tmp_path: Path) -> None:
    """Before Compose is asked."""
    file = tmp_path / "none.yml"

    with pytest.raises(SourceError, match=r"none\.yml: no such file"):
        read_contract(compose(file, Answer()))


def test_invalid_file_has_the_words_of_compose(tmp_path: Path) -> None:
    """The message names the key."""
    file = tmp_path / "compose.yml"
    file.write_text("services: 1\n")
    answer = Answer(returncode=15, stderr="services must be a mapping\n")

    with pytest.raises(
        SourceError, match=r"compose\.yml: CONFIG-01\[.*\]: services must be"
    ):
        read_contract(compose(file, answer))


def test_warnings_are_told_once() -> None:
    """Other log lines are left out."""
    text = f'{WARNING}\nlevel=info msg="x"\n{WARNING}\n'

    assert parse_warnings(text) == ('The "TAG" variable is not set.',)

"""Tests of the names in `stackproof.verify.abandoned`."""

from __future__ import annotations

import os

import pytest

from stackproof.verify.abandoned import owner, project_name

PURPOSE = "ha-ingestor-test"


def test_name_tells_its_process() -> None:
    """A project name gives back the process that made it."""
    assert owner(project_name(PURPOSE), PURPOSE) == os.getpid()


@pytest.mark.parametrize(
    "name",
    ["ha-ingestor", "ha-ingestor-test", "ha-ingestor-test-12", "x-12-0123abcd"],
)
def test_foreign_name_has_no_process(name: str) -> None:
    """A name that was not made here belongs to nobody we know."""
    assert owner(name, PURPOSE) is None

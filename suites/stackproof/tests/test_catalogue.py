"""The page of all checks is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.catalogue import explanation, page
from stackproof.check import Check
from stackproof.checks import BUILT_IN

PAGE = Path(__file__).resolve().parents[3] / "docs" / "CHECKS.md"


def test_page_is_up_to_date() -> None:
    """What is committed is what the checks say."""
    same = PAGE.read_text("utf-8") == page(BUILT_IN)

    assert same, "docs/CHECKS.md is stale: run `make checks-doc`"


def test_page_names_every_check() -> None:
    """Each has a row in the table and a section of its own."""
    lines = page(BUILT_IN).splitlines()

    for check in BUILT_IN:
        assert f"### {check.id}" in lines
        assert any(line.startswith(f"| [{check.id}](#") for line in lines)


@pytest.mark.parametrize("check", BUILT_IN, ids=lambda check: check.id)
def test_check_is_explained(check: Check) -> None:
    """Nobody has to read the source to know what a check does."""
    assert all((check.title, check.proves, check.how, check.why, check.fix))
    text = explanation(check)
    assert text.startswith(f"{check.id}  {check.title}\n")
    assert max(map(len, text.splitlines()[3:]), default=0) <= 80

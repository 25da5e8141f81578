"""A probe is run with the rights that there are, and says which ones are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.errors import ProbeError
from stackproof.verify.vantage import HelperVantage, NoVantage, choose_vantage

REFUSED = """#!/bin/sh
echo "docker: Error response from daemon: no such image" >&2
echo >&2
echo "Run 'docker run --help' for more information" >&2
exit 125
"""


def test_helper_image_wins() -> None:
    """Who names an image gets the helper, root or not."""
    assert choose_vantage("p", helper_image="img") == HelperVantage("img", "p")


def test_refused_helper_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's reason is told, not the advice that the command ends with."""
    (tmp_path / "docker").write_text(REFUSED)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    with pytest.raises(ProbeError, match="daemon: no such image"):
        HelperVantage("img", "p").probe("process", {})


def test_missing_rights_are_named() -> None:
    """Nothing is observed without a vantage."""
    with pytest.raises(ProbeError, match="needs root"):
        NoVantage("needs root").probe("process", {})

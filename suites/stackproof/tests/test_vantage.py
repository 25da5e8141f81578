"""A probe is run with the rights that there are, and says which ones are missing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from docker import DockerClient

from stackproof.errors import ProbeError
from stackproof.verify.vantage import (
    HelperVantage,
    NoVantage,
    choose_vantage,
    on_this_host,
)

REFUSED = """#!/bin/sh
echo "docker: Error response from daemon: no such image" >&2
echo >&2
echo "Run 'docker run --help' for more information" >&2
exit 125
"""


def test_helper_image_wins() -> None:
    """Who names an image gets the helper, root or not."""
    chosen = choose_vantage("p", helper_image="img", local=False)

    assert chosen == HelperVantage("img", "p")


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


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http+docker://localhost", True),
        ("http+docker://ssh", False),
        ("http://192.0.2.1:2375", False),
    ],
)
def test_engine_elsewhere_is_not_probed_from_here(url: str, *, here: bool) -> None:
    """Its process ids would be those of other processes."""
    engine = SimpleNamespace(api=SimpleNamespace(base_url=url))

    assert on_this_host(cast("DockerClient", engine)) is here


def test_root_cannot_probe_an_engine_elsewhere() -> None:
    """It is told what would help."""
    chosen = choose_vantage("p", helper_image=None, local=False)

    assert isinstance(chosen, NoVantage)

"""Secret values are taken out, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackproof.redaction import HIDDEN
from stackproof.report.scrub import Scrubber, scrubber_of


@pytest.mark.parametrize(
    ("values", "text", "expected"),
    [
        (["correct horse"], "a correct horse b", f"a {HIDDEN} b"),
        (["long-secret", "long-secret-2"], "long-secret-2", HIDDEN),
        (["pass"], "passed the pass gate", f"passed the {HIDDEN} gate"),
        (["ab"], "ab", "ab"),
        (["line-number-one\nline-number-two\n"], "x line-number-two", f"x {HIDDEN}"),
        ([], "nothing", "nothing"),
        (["a.c+d*e(("], "a.c+d*e((", HIDDEN),
    ],
)
def test_text(values: list[str], text: str, expected: str) -> None:
    """Long values go anywhere, short ones where they stand alone."""
    assert Scrubber.of(values).text(text) == expected


def test_stack_brings_its_values(tmp_path: Path) -> None:
    """Secret files, secret contents and secret variables are known."""
    (tmp_path / "key").write_text("content-of-the-file\n")
    scrub = scrubber_of(
        {
            "services": {"web": {"environment": {"DB_PASSWORD": "in-the-variable"}}},
            "secrets": {
                "one": {"file": str(tmp_path / "key")},
                "two": {"file": str(tmp_path / "absent")},
                "three": {"content": "inline-content"},
                "four": None,
            },
        }
    )

    text = "content-of-the-file in-the-variable inline-content"
    assert scrub.evidence({"Log": [text]}) == {"Log": [" ".join([HIDDEN] * 3)]}

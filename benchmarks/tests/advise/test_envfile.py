"""Tests of limits in an environment file: all or none, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from capacity.advise import Need
from capacity.advise.envfile import (
    Change,
    changed_text,
    changes_for,
    diff,
    read_env,
    replace_file,
)
from capacity.document import Kind
from capacity.errors import EnvFileUnusable

PRODUCTION = Path(__file__).resolve().parents[3] / "stack" / ".env.production"
TEXT = """\
# Limits.
INGESTION_CPU_LIMIT=0.5
INFLUXDB_MEMORY_LIMIT=2G  # half of the host
INFLUXDB_GO_MEMORY=1600MiB
SPOOL_MAX_MB=2048
# INGESTION_CPU_LIMIT=9
HA_URL=ws://a=b/#c
"""


def need(variable: str, value: float) -> Need:
    """Return a need of a limit."""
    return Need(
        what=variable,
        value=value,
        text="",
        now=None,
        now_text="",
        kind=Kind.MEASURED,
        evidence=("x",),
        variable=variable,
    )


def changed(text: str, *needs: Need, shrink: bool = False) -> str:
    """Return the text with what the needs change in it."""
    return changed_text(text, changes_for(text, needs, shrink=shrink, file="env"))


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("INGESTION_CPU_LIMIT", 0.65, "INGESTION_CPU_LIMIT=0.65"),
        ("INGESTION_CPU_LIMIT", 2.0, "INGESTION_CPU_LIMIT=2.0"),
        (
            "INFLUXDB_MEMORY_LIMIT",
            3 << 30,
            "INFLUXDB_MEMORY_LIMIT=3G  # half of the host",
        ),
        (
            "INFLUXDB_MEMORY_LIMIT",
            2080 << 20,
            "INFLUXDB_MEMORY_LIMIT=2080M  # half of the host",
        ),
        ("INFLUXDB_GO_MEMORY", 1664 << 20, "INFLUXDB_GO_MEMORY=1664MiB"),
        ("SPOOL_MAX_MB", 4429.0, "SPOOL_MAX_MB=4429"),
    ],
)
def test_one_line_changes_and_keeps_its_comment(
    variable: str, value: float, line: str
) -> None:
    """The value is written as the reference writes it; every other line stays."""
    after = changed(TEXT, need(variable, value)).splitlines()
    before = TEXT.splitlines()

    assert line in after
    assert len(after) == len(before)
    assert [a for a in after if a not in before] == [line]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_ends_and_a_missing_last_one_stay(ending: str) -> None:
    """Not even the end of the file changes."""
    text = f"A=1{ending}SPOOL_MAX_MB=10"

    assert changed(text, need("SPOOL_MAX_MB", 20)) == f"A=1{ending}SPOOL_MAX_MB=20"


def test_limits_only_shrink_when_asked() -> None:
    """A limit that is larger than needed stays, unless it is to shrink."""
    less = need("INGESTION_CPU_LIMIT", 0.2)

    assert changed(TEXT, less) == TEXT
    assert "INGESTION_CPU_LIMIT=0.2\n" in changed(TEXT, less, shrink=True)


def test_same_value_in_other_words_is_no_change() -> None:
    """2048M is 2G, and 0.50 is 0.5."""
    text = "INFLUXDB_MEMORY_LIMIT=2048M\nINGESTION_CPU_LIMIT='0.50'\n"
    needs = (
        need("INFLUXDB_MEMORY_LIMIT", 2 << 30),
        need("INGESTION_CPU_LIMIT", 0.5),
    )

    assert changed(text, *needs, shrink=True) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A=1\n", "has no line SPOOL_MAX_MB="),
        ("# SPOOL_MAX_MB=1\n", "has no line SPOOL_MAX_MB="),
        ("SPOOL_MAX_MB=1\nSPOOL_MAX_MB=2\n", "sets SPOOL_MAX_MB 2 times"),
        ("SPOOL_MAX_MB=\n", "SPOOL_MAX_MB= is not understood"),
        ("SPOOL_MAX_MB=lots\n", "SPOOL_MAX_MB=lots is not understood"),
        ("SPOOL_MAX_MB=2G\n", "SPOOL_MAX_MB=2G is not understood"),
        ("SPOOL_MAX_MB=${MB:-5}\n", "SPOOL_MAX_MB=${MB:-5} is not understood"),
    ],
)
def test_file_that_cannot_take_the_limits_is_refused(text: str, problem: str) -> None:
    """The message names the variable, and what to do."""
    with pytest.raises(EnvFileUnusable) as caught:
        changed(text, need("SPOOL_MAX_MB", 20))

    assert caught.value.problem == problem
    assert "to fix it: " in str(caught.value)


def test_reference_file_takes_every_limit() -> None:
    """Each variable that advice can name is in the file that people copy."""
    prefixes = ("INGESTION", "ENRICHMENT", "INFLUXDB", "ADMIN")
    needs = [need(f"{p}_CPU_LIMIT", 3.0) for p in prefixes]
    needs += [need(f"{p}_MEMORY_LIMIT", 9 << 30) for p in prefixes]
    needs += [need("INFLUXDB_GO_MEMORY", 7 << 30), need("SPOOL_MAX_MB", 9e4)]

    found = changes_for(PRODUCTION.read_text(), needs, shrink=False, file="x")

    assert len(found) == len(needs)


def test_diff_shows_old_and_new() -> None:
    """A person sees what would change before it does."""
    after = changed_text(
        TEXT, [Change(variable="SPOOL_MAX_MB", old="2048", new="4096")]
    )

    shown = diff(TEXT, after, file="stack/.env")
    assert "\n-SPOOL_MAX_MB=2048\n+SPOOL_MAX_MB=4096\n" in shown
    assert shown.startswith("--- stack/.env\n+++ stack/.env (new)\n")


def test_file_is_replaced_with_its_rights(tmp_path: Path) -> None:
    """The new file has the old one's rights, and nothing is left beside it."""
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    path.chmod(0o640)

    replace_file(path, "A=2\n")

    assert path.read_text() == "A=2\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_link_stays_a_link(tmp_path: Path) -> None:
    """The file behind it changes."""
    real = tmp_path / "real"
    real.write_text("A=1\n")
    link = tmp_path / ".env"
    link.symlink_to(real)

    replace_file(link, "A=2\n")

    assert link.is_symlink()
    assert real.read_text() == "A=2\n"


def test_failed_write_leaves_the_file(tmp_path: Path) -> None:
    """What cannot be replaced is as it was, with no rest beside it."""
    folder = tmp_path / ".env"
    folder.mkdir()
    (folder / "kept").write_text("x")

    with pytest.raises(EnvFileUnusable, match="cannot be written"):
        replace_file(folder, "A=2\n")

    assert (folder / "kept").read_text() == "x"
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "there is no such file"), (b"\xff\xfe\xff", "is not text")],
)
def test_unreadable_file_is_refused(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    """An absent file and a binary one have their own message."""
    path = tmp_path / ".env"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(EnvFileUnusable, match=problem):
        read_env(path)

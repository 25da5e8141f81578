"""Every operations script explains itself and refuses what it does not know."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "stack" / "scripts"
_SECONDS = 5.0


def commands(folder: Path) -> list[Path]:
    """Return the scripts that people run; those that are sourced are not executable."""
    return sorted(path for path in folder.glob("*.sh") if os.access(path, os.X_OK))


def run(script: Path, option: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a script from elsewhere, with a home of its own and no terminal."""
    return subprocess.run(
        [str(script), option],
        cwd=home,
        env={"PATH": os.defpath, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=_SECONDS,
        check=False,
    )


def problems(script: Path, home: Path) -> list[str]:
    """Return how a script's manners fall short."""
    found = []
    told = run(script, "--help", home)
    if told.returncode != 0:
        found.append(f"--help ends with {told.returncode}")
    if script.name not in told.stdout or "--help" not in told.stdout:
        found.append("--help does not show the usage on standard output")
    refused = run(script, "--no-such-option", home)
    if refused.returncode != 2:
        found.append(f"an unknown option ends with {refused.returncode}, not with 2")
    if "--no-such-option" not in refused.stderr:
        found.append("an unknown option is not named on standard error")
    return found


def test_setup_is_among_them() -> None:
    """There is at least the script that everything starts with."""
    assert "setup.sh" in [script.name for script in commands(SCRIPTS)]


@pytest.mark.parametrize("script", commands(SCRIPTS), ids=lambda script: script.name)
def test_script_has_manners(script: Path, tmp_path: Path) -> None:
    """`--help` ends with 0, an unknown option with 2, and neither changes a thing."""
    assert problems(script, tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            'case $1 in --help) echo "do.sh --help";; *) echo "$1" >&2; exit 1;; esac',
            "an unknown option ends with 1, not with 2",
        ),
        (
            'echo "do.sh --help"; echo "$1" >&2; [ "$1" = --help ] && exit 3; exit 2',
            "--help ends with 3",
        ),
        (
            'case $1 in --help) exit 0;; *) echo "$1" >&2; exit 2;; esac',
            "--help does not show the usage on standard output",
        ),
        (
            'case $1 in --help) echo "do.sh --help";; *) echo no >&2; exit 2;; esac',
            "an unknown option is not named on standard error",
        ),
    ],
)
def test_bad_manners_are_found(tmp_path: Path, body: str, problem: str) -> None:
    """Each kind of bad manners is caught."""
    script = tmp_path / "do.sh"
    script.write_text(f"#!/usr/bin/env bash\n{body}\n")
    script.chmod(0o755)

    assert problems(script, tmp_path) == [problem]


def test_sourced_files_are_no_commands(tmp_path: Path) -> None:
    """A file without the executable bit is a part of another script."""
    (tmp_path / "lib.sh").write_text("")
    (tmp_path / "do.sh").write_text("")
    (tmp_path / "do.sh").chmod(0o755)

    assert commands(tmp_path) == [tmp_path / "do.sh"]

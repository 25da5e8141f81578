"""A `docker` command on PATH that answers as Compose would."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case " $* " in
*" version "*) echo 2.26.1 ;;
*" config "*)
  cat "$here/stderr" >&2
  cat "$here/config.json"
  exit "$(cat "$here/code")" ;;
*) echo "no answer for: $*" >&2; exit 64 ;;
esac
"""

FakeDockerCommand = Callable[..., Path]


@pytest.fixture
def docker_command(
    tmp_path: Path, config_text: str, monkeypatch: pytest.MonkeyPatch
) -> FakeDockerCommand:
    """Put the command on PATH, and a compose file into the current folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "docker"
    script.write_text(SCRIPT)
    script.chmod(0o755)

    def answer(*, code: int = 0, stderr: str = "", text: str = config_text) -> Path:
        (folder / "config.json").write_text(text)
        (folder / "stderr").write_text(stderr)
        (folder / "code").write_text(str(code))
        return folder / "calls"

    answer()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {"web": {}}}))
    monkeypatch.chdir(tmp_path)
    return answer

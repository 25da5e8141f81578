"""Token files are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from enrichment_pipeline.provision.token_files import write_token


def test_file_is_readable_by_the_services_only(tmp_path: Path) -> None:
    """Owner and group may read, nobody may write; the folder is made."""
    path = tmp_path / "tokens" / "write_token"

    assert write_token(path, "abc") is True

    assert path.read_text() == "abc\n"
    assert path.stat().st_mode & 0o777 == 0o440
    assert [one.name for one in path.parent.iterdir()] == ["write_token"]


def test_same_token_is_left_alone(tmp_path: Path) -> None:
    """A second run changes nothing on disk."""
    path = tmp_path / "write_token"
    write_token(path, "abc")
    before = path.stat()

    assert write_token(path, "abc") is False

    assert path.stat() == before


@pytest.mark.parametrize("spoil", ["content", "mode"])
def test_other_content_or_mode_is_replaced(tmp_path: Path, spoil: str) -> None:
    """Whatever is there ends as the token with the right mode."""
    path = tmp_path / "write_token"
    path.write_bytes(b"\xff" if spoil == "content" else b"abc\n")
    path.chmod(0o440 if spoil == "content" else 0o644)

    assert write_token(path, "abc") is True

    assert path.read_text() == "abc\n"
    assert path.stat().st_mode & 0o777 == 0o440


@pytest.mark.parametrize("call", ["fsync", "fchmod", "replace"])
def test_kill_leaves_the_old_file_and_the_next_run_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Ended before the rename, the old token is intact; nothing piles up."""
    path = tmp_path / "write_token"
    write_token(path, "old")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    owner = Path if call == "replace" else os
    with monkeypatch.context() as patch:
        patch.setattr(owner, call, killed)
        with pytest.raises(KeyboardInterrupt):
            write_token(path, "new")

    assert path.read_text() == "old\n"
    assert write_token(path, "new") is True
    assert path.read_text() == "new\n"
    assert [one.name for one in tmp_path.iterdir()] == ["write_token"]


def test_file_is_synced_before_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is: content, sync, rename, sync of the folder."""
    steps: list[str] = []
    sync, replace = os.fsync, Path.replace

    def watched_sync(fd: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{fd}').readlink().name}")
        sync(fd)

    def watched_replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(Path, "replace", watched_replace)

    write_token(tmp_path / "read_token", "abc")

    assert steps == ["sync .read_token.new", "rename", f"sync {tmp_path.name}"]

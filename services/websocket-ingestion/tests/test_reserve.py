"""The reserve: room that is held while there is some, and given up in need."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from websocket_ingestion.reserve import Reserve

MEBIBYTE = 1024 * 1024
Disk = Callable[[int], None]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Return what sets the free room of the disk, in MiB."""

    def set_free(mebibytes: int) -> None:
        shown = SimpleNamespace(f_bavail=mebibytes, f_frsize=MEBIBYTE)
        monkeypatch.setattr("os.statvfs", lambda _: shown)

    return set_free


@pytest.mark.parametrize(
    ("free", "held"),
    [
        pytest.param(100, 16, id="plenty"),
        pytest.param(24, 16, id="just-enough"),
        pytest.param(23, 8, id="the-smaller-one"),
        pytest.param(16, 8, id="just-the-smaller-one"),
        pytest.param(15, None, id="no-room"),
    ],
)
def test_what_is_held_leaves_room_for_the_log(
    tmp_path: Path, disk: Disk, free: int, held: int | None
) -> None:
    """The best size is taken that leaves 8 MiB free."""
    disk(free)
    taken = Reserve(tmp_path / "spool.db").hold()
    path = tmp_path / "spool.db-reserve"

    assert taken is (held is not None)
    assert (path.stat().st_size // MEBIBYTE if taken else None) == held
    assert path.exists() is taken


def test_the_room_is_really_taken(tmp_path: Path) -> None:
    """The file has blocks, not only a length."""
    Reserve(tmp_path / "s.db").hold()

    assert (tmp_path / "s.db-reserve").stat().st_blocks * 512 >= 16 * MEBIBYTE


def test_a_release_gives_it_back_until_there_is_room(
    tmp_path: Path, disk: Disk
) -> None:
    """A reserve that was given up is taken again, and only then held."""
    reserve = Reserve(tmp_path / "s.db")
    disk(100)
    first = reserve.hold()
    reserve.release()
    disk(0)
    gone, there = reserve.hold(), (tmp_path / "s.db-reserve").exists()
    disk(100)

    assert (first, gone, there, reserve.hold()) == (True, False, False, True)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_refusal_of_the_disk_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A quota may say no where the disk shows room."""

    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.posix_fallocate", refuse)

    assert not Reserve(tmp_path / "s.db").hold()
    assert list(tmp_path.iterdir()) == []


def test_another_error_is_not_hidden(tmp_path: Path) -> None:
    """A place that cannot be written is no question of room."""
    with pytest.raises(FileNotFoundError):
        Reserve(tmp_path / "nowhere" / "s.db").hold()

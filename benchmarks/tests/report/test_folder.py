"""Tests of a run's folder, and of the picture in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from capacity.document import Report, read
from capacity.report.folder import FILES, folder_name, host_name, new_folder, write
from capacity.report.picture import picture

Make = Callable[..., Report]
replace = msgspec.structs.replace


def test_folder_is_named_after_date_profile_and_host(made_up: Make) -> None:
    """The name sorts by date and tells nothing about who owns the host."""
    report = made_up()

    assert folder_name(report) == "2026-11-25-standard-2c4g-eeff0c"


def test_host_keeps_its_name_while_it_is_the_same(made_up: Make) -> None:
    """The name follows from the fingerprint, cores and memory."""
    env = made_up().environment
    # The kernel keeps some memory for itself.
    almost = replace(env, mem_bytes=env.mem_bytes - 120_000_000, kernel="7.0")
    other = replace(env, fingerprint_sha="ab" * 32)

    assert host_name(almost) == host_name(env) == "2c4g-eeff0c"
    assert host_name(other) == "2c4g-ababab"


def test_second_run_of_a_day_has_its_own_folder(made_up: Make, tmp_path: Path) -> None:
    """No run writes over another one."""
    made = [new_folder(made_up(), tmp_path / "reports").name for _ in range(3)]

    assert made == [
        "2026-11-25-standard-2c4g-eeff0c",
        "2026-11-25-standard-2c4g-eeff0c-2",
        "2026-11-25-standard-2c4g-eeff0c-3",
    ]


@pytest.mark.timeout(60)  # Matplotlib looks for fonts when it is first imported
def test_folder_holds_all_that_follows(made_up: Make, tmp_path: Path) -> None:
    """Document, page, JUnit and picture are there, and rendering again changes none."""
    written = write(made_up(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    again = write(read(tmp_path), tmp_path)

    assert sorted(before) == sorted(FILES)
    assert again == written
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    sentence = json.loads(before["report.json"])["verdict"]["sentence"]
    assert sentence.startswith("This machine sustains 305 events/s")


@pytest.mark.timeout(60)
def test_run_without_measurements_has_no_picture(made_up: Make, tmp_path: Path) -> None:
    """An old picture of the folder does not stay to be taken for the new one."""
    (tmp_path / "capacity.png").write_bytes(b"old")
    report = made_up()
    verdict = replace(report.verdict, sustained_trial=None)

    write(made_up(trials=(), verdict=verdict), tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "junit.xml",
        "report.html",
        "report.json",
    ]


@pytest.mark.timeout(60)
def test_picture_is_a_png_of_the_main_chart(made_up: Make) -> None:
    """It has the size of the chart and no date inside."""
    drawn = picture(made_up())

    assert drawn is not None
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    assert (
        int.from_bytes(drawn[16:20], "big"),
        int.from_bytes(drawn[20:24], "big"),
    ) == (1200, 672)
    assert len(drawn) < 200_000
    assert b"Software" not in drawn

"""Tests of the restart's timetable."""

from __future__ import annotations

import pytest

from ha_simulator.world.boot import Step, Timetable


def test_steps_count_from_the_moment_it_answers() -> None:
    """Stopping and down add up; everything else counts from the first answer."""
    timetable = Timetable(
        stopping=1, down=2, history=0.5, starting=0.25, entities=1, running=2
    )

    assert timetable.steps() == [
        (1, Step.FINISH_STOP),
        (3, Step.BOOT),
        (3.25, Step.BEGIN_START),
        (3.5, Step.LOAD_HISTORY),
        (4, Step.LOAD_ENTITIES),
        (5, Step.FINISH_START),
    ]


def test_steps_at_one_moment_keep_their_order() -> None:
    """With all phases zero the steps still come in their natural order."""
    timetable = Timetable(down=0, history=0, starting=0, entities=0, running=0)

    assert [step for _, step in timetable.steps()] == list(Step)


@pytest.mark.parametrize(
    ("timetable", "problem"),
    [
        (Timetable(down=-1), "down_seconds must not be negative"),
        (Timetable(running=0.1), "running_seconds must come after"),
        (Timetable(entities=3), "running_seconds must come after"),
    ],
)
def test_impossible_timetables_are_named(timetable: Timetable, problem: str) -> None:
    """A negative phase, or RUNNING before the entities, is a problem."""
    assert [found for found in timetable.problems() if problem in found]


def test_default_timetable_is_possible() -> None:
    """The defaults have no problem."""
    assert Timetable().problems() == []

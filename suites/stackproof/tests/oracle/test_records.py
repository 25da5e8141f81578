"""What a record says of itself."""

from __future__ import annotations

import pytest

from stackproof.oracle import FaultProof, Sent, Stage


@pytest.mark.parametrize(
    ("on_wire", "recorded", "acknowledged"),
    [
        (True, False, True),
        (False, True, True),
        (True, True, True),
        (False, False, False),
    ],
)
def test_event_must_be_stored_if_the_product_could_have_it(
    *, on_wire: bool, recorded: bool, acknowledged: bool
) -> None:
    """From the wire or from history; otherwise it may be absent."""
    event = Sent(
        serial=1,
        entity_id="sensor.a",
        time_us=2,
        state="on",
        on_wire=on_wire,
        recorded=recorded,
    )

    assert event.acknowledged is acknowledged


@pytest.mark.parametrize(("intended_us", "at_us"), [(None, 2), (5, 5), (0, 0)])
def test_true_clock_says_when_it_was(intended_us: int | None, at_us: int) -> None:
    """The source's own clock may step; the schedule's does not."""
    event = Sent(
        serial=1,
        entity_id="sensor.a",
        time_us=2,
        state="on",
        on_wire=True,
        intended_us=intended_us,
    )

    assert event.at_us == at_us


def test_stages_follow_the_way_of_an_event() -> None:
    """A later stage is deeper, and the dead letters are the end of a way."""
    assert sorted(Stage, key=lambda stage: stage.depth) == [
        Stage.UNKNOWN,
        Stage.SOURCE,
        Stage.SPOOL,
        Stage.ENRICHMENT,
        Stage.DATABASE,
        Stage.DEAD_LETTER,
    ]


def test_ready_before_the_cure_is_no_time() -> None:
    """A data path that went on through the fault recovered at once."""
    proof = FaultProof(
        kind="cut",
        target="a",
        expected="",
        observed="",
        bitten=True,
        started_us=1,
        healed_us=9,
        ready_us=5,
    )

    assert (proof.recovery_us, proof.name) == (0, "cut of a")

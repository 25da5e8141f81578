"""A trial against a made-up stack: latency, backlog, account and outage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from capacity.errors import BadAnswer
from capacity.judge_trial import Outcome, Reason, attainment_of, judge
from capacity.store import Row
from capacity.trial import Arrival, Phase, Slo, Stage, TrialSpec

MakeBench = Callable[..., Any]


def trial(rate: float, phase: Phase = Phase.BRACKET, **changes: Any) -> TrialSpec:
    """Return a short trial."""
    kinds = {"settle": 3.0, "window": 20.0, "drain": 60.0, **changes}
    return TrialSpec(id=1, phase=phase, rate=rate, **kinds)


def test_a_rate_below_the_capacity_passes(make_bench: MakeBench) -> None:
    """All is stored in time, and the account holds."""
    bench = make_bench(capacity=5_000.0)
    record = bench.measurer.run(trial(2_000.0))
    result = record.result
    assert judge(result, Slo()).outcome is Outcome.PASS
    count = result.accounting
    assert (count.sent, count.stored, count.lost) == (46_000, 46_000, 0)
    assert result.latency[Stage.TOTAL].p99 == pytest.approx(0.25, abs=0.05)
    assert result.achieved == pytest.approx(2_000.0, rel=0.001)
    assert [block.due for block in result.blocks] == [20_000, 20_000]
    assert result.resources["enrichment-pipeline"].cpu == pytest.approx(
        20 * (0.01 + 2_000 * 60e-6), rel=0.02
    )
    assert len(record.slices) == 2
    assert result.latency[Stage.QUERYABLE].max == pytest.approx(0.5, rel=0.001)
    assert record.counts[Stage.QUERYABLE] == 1
    assert len(bench.load.told) == 2


@pytest.mark.parametrize("failing", ["take", "usage"])
def test_nothing_looks_on_after_a_trial_that_failed(
    make_bench: MakeBench, failing: str
) -> None:
    """In the window or at its end: what samples the queries ends all the same."""
    bench = make_bench()
    answer = getattr(bench.rig, failing)

    def fail(**kinds: Any) -> Any:
        if bench.lookings and bench.world.now > 110.0:
            raise BadAnswer("a look", "no answer")
        return answer(**kinds)

    setattr(bench.rig, failing, fail)
    with pytest.raises(BadAnswer, match="a look"):
        bench.measurer.run(trial(500.0))

    assert [looking.ended for looking in bench.lookings] == [True]


def test_a_rate_above_the_capacity_fails_by_all_signs(make_bench: MakeBench) -> None:
    """A backlog that grows shows in the attainment too, stored or not."""
    bench = make_bench(capacity=1_000.0)
    result = bench.measurer.run(trial(2_000.0)).result
    told = judge(result, Slo())
    assert told.outcome is Outcome.FAIL
    assert {Reason.ATTAINMENT, Reason.BACKLOG_SLOPE} <= set(told.reasons)
    assert result.backlog.slope == pytest.approx(1_000.0, rel=0.05)
    assert result.drained
    assert result.accounting.lost == 0


@pytest.mark.parametrize(
    "phase", [Phase.CONFIRM_LOWER, Phase.CONFIRM_UPPER, Phase.SUSTAINED]
)
def test_a_long_trial_that_cannot_pass_any_more_is_ended(
    make_bench: MakeBench, phase: Phase
) -> None:
    """After two blocks; its figures are of what was measured, and nothing is lost."""
    bench = make_bench(capacity=1_000.0)
    record = bench.measurer.run(trial(2_000.0, phase, window=120.0))
    result = record.result

    (ended, kind, text) = record.incidents[-1]
    assert (ended, kind) == (result.ended_after, "other")
    assert text.startswith("ended early")
    assert result.window == result.ended_after == pytest.approx(20.0)
    assert result.spec.window == 120.0
    assert [block.due for block in result.blocks] == [20_000, 20_000]
    assert {Reason.ATTAINMENT, Reason.BACKLOG_SLOPE} <= set(
        judge(result, Slo()).reasons
    )
    assert result.accounting.sent == pytest.approx(2_000 * 23, rel=0.01)
    assert result.accounting.sent == result.accounting.stored
    assert result.drained
    assert result.achieved == pytest.approx(2_000.0, rel=0.01)
    assert result.cores["enrichment-pipeline"] == pytest.approx(0.07, rel=0.05)


@pytest.mark.parametrize(
    ("stall", "phase", "rate"),
    [
        (1.9, Phase.CONFIRM_LOWER, 200.0),  # 0.9 s of 120 s are late: less than 1 %
        (60.0, Phase.BRACKET, 200.0),  # short, and its figures lead the search
        (60.0, Phase.LOW, 300.0),  # asked for its figures, not for its outcome
    ],
)
def test_any_other_trial_is_measured_to_its_end(
    make_bench: MakeBench, stall: float, phase: Phase, rate: float
) -> None:
    """Also where it fails: only a sure fail of a long one has nothing more to say."""
    bench = make_bench(stalls=[(110.0, 110.0 + stall)], capacity=50_000.0)
    result = bench.measurer.run(trial(rate, phase, window=120.0)).result

    assert result.ended_after is None
    assert sum(block.due for block in result.blocks) == 120 * rate


def test_a_generator_that_falls_behind_ends_no_trial(make_bench: MakeBench) -> None:
    """What is not sent is not late, and the trial says whose fault it is."""
    bench = make_bench(generator=1_000.0, capacity=50_000.0)
    spec = trial(4_000.0, Phase.CONFIRM_LOWER, window=120.0)
    told = judge(bench.measurer.run(spec).result, Slo())

    assert told.blames_generator


def test_a_stall_of_5_s_a_minute_shows_in_the_p99(make_bench: MakeBench) -> None:
    """Latency counts from the schedule: what waits during a stall is not left out."""
    bench = make_bench(stalls=[(130.0, 135.0)])
    result = bench.measurer.run(trial(200.0, window=60.0)).result
    assert result.latency[Stage.TOTAL].p99 >= 4.0
    assert judge(result, Slo()).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("busy", "outcome"), [(3.0, Outcome.PASS), (60.0, Outcome.INVALID)]
)
def test_preflight_waits_for_a_quiet_second(
    make_bench: MakeBench, busy: float, outcome: Outcome
) -> None:
    """What the stack does when it starts goes away; somebody else's work stays."""
    bench = make_bench()
    bench.rig.starting_until = bench.world.now + busy

    result = bench.measurer.run(trial(0.0, Phase.PREFLIGHT, window=10.0)).result

    assert judge(result, Slo()).outcome is outcome


def test_what_is_stored_late_after_the_window_is_late(make_bench: MakeBench) -> None:
    """A stall over the end of the window delays 4 of its 20 s by up to 4.5 s."""
    bench = make_bench(stalls=[(119.0, 123.5)], capacity=50_000.0)
    result = bench.measurer.run(trial(200.0)).result
    assert result.accounting.lost == 0
    assert attainment_of(result.blocks).value == pytest.approx(0.825, abs=0.02)


def test_what_happened_while_settling_is_thrown_away(make_bench: MakeBench) -> None:
    """A stall before the window is not the window's."""
    bench = make_bench(stalls=[(100.0, 101.8)], capacity=50_000.0)
    result = bench.measurer.run(trial(200.0)).result
    assert result.latency[Stage.TOTAL].max < 0.5


def test_a_stack_that_stores_nothing_more_misses_all(make_bench: MakeBench) -> None:
    """What is never stored counts as late, though no latency is recorded for it."""
    bench = make_bench(stalls=[(103.0, 10_000.0)])
    result = bench.measurer.run(trial(100.0)).result
    assert attainment_of(result.blocks).value == 0.0
    assert not result.drained
    assert judge(result, Slo()).outcome is not Outcome.PASS


def test_a_starved_generator_makes_the_trial_invalid(make_bench: MakeBench) -> None:
    """A source that cannot keep its schedule says nothing about the stack."""
    bench = make_bench(generator=1_000.0, capacity=50_000.0)
    told = judge(bench.measurer.run(trial(4_000.0)).result, Slo())
    assert told.outcome is Outcome.INVALID
    assert {Reason.DISPATCH_LAG, Reason.RATE_NOT_ACHIEVED} <= set(told.reasons)


def test_events_that_vanish_are_lost(make_bench: MakeBench) -> None:
    """The store is asked, not the counters of who should have stored them."""
    bench = make_bench(lost_share=0.01)
    result = bench.measurer.run(trial(1_000.0)).result
    assert result.accounting.lost == pytest.approx(230, abs=2)
    assert judge(result, Slo()).reasons == (Reason.LOST,)


def test_what_is_in_an_open_gap_is_not_lost_yet(make_bench: MakeBench) -> None:
    """After a lost connection all may be counted, some twice, and some be missing."""
    bench = make_bench()

    def lose_connection(now: float) -> None:
        if now > 110.0 and not bench.rig.reconnects:
            bench.rig.reconnects, bench.rig.gap_until = 1, now + 40.0

    bench.world.fault = lose_connection
    result = bench.measurer.run(trial(1_000.0)).result

    assert bench.world.now >= bench.rig.gap_until
    assert result.drained
    assert judge(result, Slo()).reasons == (Reason.DISCONNECT,)


def test_what_is_wrong_in_the_store_is_named(make_bench: MakeBench) -> None:
    """One lost and one twice leave the count as it was; the trial says which."""

    def spoil(rows: list[Row]) -> list[Row]:
        found = sorted(rows, key=lambda row: row.time_us)
        first = found[0].entity_id
        again = replace(found[1], time_us=found[1].time_us + 9)
        return [*(r for r in found if r != found[0] or r.entity_id != first), again]

    bench = make_bench(spoil=spoil)
    record = bench.measurer.run(trial(100.0))
    count = record.result.accounting
    assert count.sent == count.stored + count.lost == 2_300
    assert (count.lost, count.duplicate) == (1, 1)
    assert record.named[0].startswith("missing: sensor.cap_0 serial 1, event 0, due")
    assert judge(record.result, Slo()).reasons == (Reason.LOST, Reason.DUPLICATE)


def test_at_chance_arrivals_what_is_due_is_by_chance(make_bench: MakeBench) -> None:
    """It is not what the mean rate lets expect, and is known all the same."""
    bench = make_bench()
    bench.world.emitted = bench.world.done = 700.0
    result = bench.measurer.run(trial(1_000.0, arrival=Arrival.POISSON)).result
    assert result.backlog.mean == pytest.approx(250.0, rel=0.15)
    assert sum(block.due for block in result.blocks) != 20_000
    assert judge(result, Slo()).outcome is Outcome.PASS


def test_blocks_have_what_the_burst_has_due_in_them(make_bench: MakeBench) -> None:
    """The burst of 10 s is in two of the blocks; the window has whole rounds."""
    bench = make_bench(capacity=5_000.0)
    spec = trial(600.0, window=60.0, arrival=Arrival.BURST)
    result = bench.measurer.run(spec).result
    dues = [block.due for block in result.blocks]
    assert sum(dues) == pytest.approx(36_000, abs=2)
    assert dues == pytest.approx([1_200, 1_200, 24_240, 6_960, 1_200, 1_200], abs=2)
    assert result.window_rate == pytest.approx(600.0, rel=0.001)
    assert abs(result.backlog.slope) < 1.0
    assert judge(result, Slo()).outcome is Outcome.PASS


def test_a_burst_that_is_not_carried_in_time_fails(make_bench: MakeBench) -> None:
    """Although its mean rate is far below the capacity, and the backlog goes away."""
    bench = make_bench(capacity=2_000.0)
    spec = trial(600.0, window=60.0, arrival=Arrival.BURST)
    result = bench.measurer.run(spec).result
    assert judge(result, Slo()).reasons == (Reason.ATTAINMENT,)


def test_the_generator_is_calibrated_at_the_peak(make_bench: MakeBench) -> None:
    """What it keeps in a burst it must keep for the whole calibration."""
    bench = make_bench(generator=9_000.0)
    spec = trial(
        2_000.0, Phase.CALIBRATE, settle=1.0, window=3.0, arrival=Arrival.BURST
    )
    result = bench.measurer.run(spec).result
    assert bench.world.order.rate == pytest.approx(10_000.0)
    assert bench.world.order.arrival is Arrival.CONSTANT
    assert judge(result, Slo()).outcome is Outcome.INVALID
    easy = replace(spec, rate=1_500.0)
    assert bench.measurer.run(easy).result.achieved == pytest.approx(1_500.0)


def test_growing_entities_are_new_in_each_trial(make_bench: MakeBench) -> None:
    """The new ones of one trial would be the old ones of the next."""
    bench = make_bench(growth=600.0)
    bench.measurer.run(trial(100.0))
    assert bench.world.order.prefix == "sensor.cap_1"
    assert bench.world.order.entity_growth == 600.0


def test_an_outage_is_timed_from_stop_to_drained(make_bench: MakeBench) -> None:
    """The backlog of 10 s at 1,000/s drains in 5 s where 3,000/s are carried."""
    bench = make_bench(capacity=3_000.0)
    spec = trial(1_000.0, Phase.OUTAGE, window=0.0, outage=8.0)
    record = bench.measurer.run(spec)
    outage = record.result.outage
    assert outage is not None
    assert outage.seconds == pytest.approx(10.0, abs=1.0)
    assert outage.backlog_peak == pytest.approx(10_000, rel=0.15)
    assert outage.drain == pytest.approx(5.0, abs=1.0)
    assert record.result.accounting.lost == 0
    assert record.spool_bytes_per_event == pytest.approx(400.0)
    assert judge(record.result, Slo()).outcome is Outcome.PASS


def test_an_outage_that_never_drains_fails(make_bench: MakeBench) -> None:
    """The waiting ends, and says so."""
    bench = make_bench(capacity=1_000.0)
    spec = trial(1_000.0, Phase.OUTAGE, window=0.0, outage=8.0, drain=10.0)
    result = bench.measurer.run(spec).result
    assert result.outage is not None
    assert result.outage.drain is None
    assert Reason.DRAIN in judge(result, Slo()).reasons


def test_looks_that_get_no_answer_are_left_out(make_bench: MakeBench) -> None:
    """A stack too busy to answer does not end the run."""
    bench = make_bench()

    def deaf(now: float) -> None:
        bench.rig.deaf = 110.0 < now < 115.0

    bench.world.fault = deaf
    record = bench.measurer.run(trial(500.0))
    assert judge(record.result, Slo()).outcome is Outcome.PASS
    assert any(moment.backlog is None for moment in record.moments)


def test_calibration_asks_the_source_alone(make_bench: MakeBench) -> None:
    """Nothing of it reaches the stack."""
    bench = make_bench(generator=10_000.0)
    spec = trial(8_000.0, Phase.CALIBRATE, settle=1.0, window=3.0)
    assert judge(bench.measurer.run(spec).result, Slo()).outcome is Outcome.PASS
    spec = trial(16_000.0, Phase.CALIBRATE, settle=1.0, window=3.0)
    assert judge(bench.measurer.run(spec).result, Slo()).outcome is Outcome.INVALID
    assert bench.world.emitted == 0

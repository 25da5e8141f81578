"""What is measured after the search, against a made-up stack."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean
from typing import Any

import pytest

from capacity.judge_trial import Outcome, Reason, judge
from capacity.trial import Phase, Slo, TrialSpec

MakeBench = Callable[..., Any]


def extra(phase: Phase, **changes: Any) -> TrialSpec:
    """Return a trial without load."""
    kinds = {"rate": 0.0, "settle": 2.0, "window": 10.0, "drain": 60.0, **changes}
    return TrialSpec(id=2, phase=phase, **kinds)


def loaded(bench: Any, **changes: Any) -> None:
    """Send something first, as a search does."""
    kinds = {"phase": Phase.SUSTAINED, "rate": 500.0, "settle": 1.0, "window": 5.0}
    bench.measurer.run(TrialSpec(id=1, drain=60.0, **{**kinds, **changes}))


def test_idle_is_what_containers_use_by_themselves(make_bench: MakeBench) -> None:
    """Each uses a hundredth of a core, and nobody asks a service anything."""
    bench = make_bench()
    bench.rig.deaf = True
    record = bench.measurer.run(extra(Phase.IDLE))

    assert judge(record.result, Slo()).outcome is Outcome.PASS
    assert record.looked == pytest.approx(10.0, abs=0.01)
    for used in record.result.resources.values():
        assert used.cpu / record.looked == pytest.approx(0.01, rel=0.01)
        assert used.memory_peak == 50_000_000


def test_direct_writes_are_timed_without_their_making(make_bench: MakeBench) -> None:
    """What the database takes in 10 s; two seconds before are thrown away."""
    bench = make_bench()
    loaded(bench)
    record = bench.measurer.run(extra(Phase.DIRECT, past_rate=500.0))
    found = record.direct

    assert found.lines / found.seconds == pytest.approx(50_000, rel=0.01)
    assert found.seconds == pytest.approx(10.0, abs=0.2)
    assert found.batch == 5_000
    assert found.lines < record.past == bench.rig.own_database.lines
    assert found.size == sum(
        len(body) for body in bench.rig.own_database.bodies[-found.lines // 5_000 :]
    )
    assert not record.problems
    assert judge(record.result, Slo()).outcome is Outcome.PASS


def test_direct_lines_are_like_the_stored_ones(make_bench: MakeBench) -> None:
    """Read back from the last load, and of entities that no trial counts."""
    bench = make_bench()
    loaded(bench)
    bench.measurer.run(extra(Phase.DIRECT, past_rate=500.0))
    line = bench.rig.own_database.bodies[0].split(b"\n")[0].decode()
    (entities, since_us), *_ = bench.rig.own_database.asked

    assert line.startswith("state,domain=sensor,entity_id=sensor.directcap_0 ")
    assert 'state="0.1",attrs="{\\"serial\\":1,' in line
    assert entities[:2] == ["sensor.cap_0", "sensor.cap_1"]
    assert len(entities) == 100
    ended_us = (100.0 + 6.0 + 1_700_000_000) * 1e6
    assert ended_us - since_us == pytest.approx(1e6, rel=0.1)


@pytest.mark.parametrize("growth", [0.0, 6_000.0])
@pytest.mark.parametrize("workers", [1, 3])
def test_lines_are_found_however_the_load_was_sent(
    make_bench: MakeBench, workers: int, growth: float
) -> None:
    """By one worker or by several, to the same entities or to ever new ones."""
    bench = make_bench(workers=workers, growth=growth)
    loaded(bench)
    direct = bench.measurer.run(extra(Phase.DIRECT, past_rate=500.0))
    cold = bench.measurer.run(
        extra(Phase.COLD, past_hours=1.0, past_rate=10.0, window=180.0)
    )

    assert not direct.problems
    assert not cold.problems
    assert direct.direct is not None
    assert cold.cold is not None
    ((entities, since_us),) = bench.rig.own_database.asked
    assert len(set(entities)) == len(entities) == pytest.approx(100, abs=2)
    assert since_us / 1e6 - 1_700_000_000 == pytest.approx(105.0, abs=0.1)


def test_lines_of_a_trial_with_its_own_entities_are_found(
    make_bench: MakeBench,
) -> None:
    """Also where an entity of 10,000 has an event each 20 s, and only 6 s were sent."""
    bench = make_bench()
    loaded(bench, phase=Phase.CARDINALITY, entities=10_000)
    record = bench.measurer.run(extra(Phase.DIRECT, past_rate=500.0))

    assert not record.problems
    ((entities, since_us),) = bench.rig.own_database.asked
    assert entities[-1] == "sensor.cap_2999"
    started = bench.world.started
    assert since_us / 1e6 - 1_700_000_000 == pytest.approx(started, abs=0.1)


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.DIRECT])
def test_a_disturbed_host_makes_it_not_valid(
    make_bench: MakeBench, phase: Phase
) -> None:
    """Where others took a tenth of the host's time, nothing can be said."""
    bench = make_bench()
    loaded(bench)
    calm = bench.rig.host
    bench.rig.host = lambda: replace(calm(), steal=0.2 * bench.world.now)
    result = bench.measurer.run(extra(phase, past_rate=500.0)).result

    assert result.host.steal == pytest.approx(0.1)
    assert judge(result, Slo()).reasons == (Reason.STEAL,)


def test_without_a_load_there_are_no_lines(make_bench: MakeBench) -> None:
    """It is said, and the run goes on."""
    record = make_bench().measurer.run(extra(Phase.DIRECT, past_rate=500.0))

    assert record.direct is None
    assert record.past == 0
    assert "no load was sent before" in record.problems[0]


def test_a_database_that_refuses_ends_no_run(make_bench: MakeBench) -> None:
    """What cannot be measured is told."""
    bench = make_bench()
    loaded(bench)
    bench.rig.own_database.refuses = bench.rig.thrown_away.refuses = True
    direct = bench.measurer.run(extra(Phase.DIRECT, past_rate=500.0))
    cold = bench.measurer.run(extra(Phase.COLD, past_hours=1.0, past_rate=10.0))

    assert direct.problems == cold.problems == ["a write into InfluxDB: HTTP 401"]
    assert direct.direct is cold.cold is None
    assert bench.rig.removed == 1


def test_the_past_is_stored_before_the_trial(make_bench: MakeBench) -> None:
    """36,000 points of the last hour, of the load's own entities, then the load."""
    bench = make_bench()
    loaded(bench)
    began = bench.world.now
    spec = extra(
        Phase.AGE, rate=500.0, past_hours=1.0, past_rate=10.0, window=20.0, settle=3.0
    )
    record = bench.measurer.run(spec)
    text = b"\n".join(bench.rig.own_database.bodies).decode()
    times = [int(time) for time in re.findall(r" (\d+)$", text, re.MULTILINE)]

    assert record.past == len(times) == 36_000
    assert (max(times) - min(times)) / 1e6 == pytest.approx(3_600, rel=0.001)
    assert min(times) / 1e6 - 1_700_000_000 == pytest.approx(began - 3_600, abs=0.1)
    assert "entity_id=sensor.cap_99 " in text
    assert judge(record.result, Slo()).outcome is Outcome.PASS
    assert record.result.elapsed == pytest.approx(bench.world.now - began)
    assert not record.problems


@pytest.mark.parametrize(
    ("workers", "growth", "first"),
    [
        (1, 0.0, {"sensor.cap_0"}),
        (2, 0.0, {"sensor.cap_0_0", "sensor.cap_1_0"}),
        (2, 60.0, {"sensor.cap_2_0_0", "sensor.cap_2_1_0"}),
    ],
)
def test_the_past_is_of_the_entities_of_the_trial(
    make_bench: MakeBench, workers: int, growth: float, first: set[str]
) -> None:
    """Whoever sends to them: the past has those that the load then begins with."""
    bench = make_bench(workers=workers, growth=growth)
    loaded(bench)
    spec = extra(Phase.AGE, rate=500.0, past_hours=0.1, past_rate=10.0)
    record = bench.measurer.run(spec)
    text = b"\n".join(bench.rig.own_database.bodies).decode()
    past = set(re.findall(r"entity_id=(\S+) ", text))
    parts = [part for part, _ in bench.world.parts()]
    sent = {part.entity(n) for part in parts for n in range(part.entities)}

    assert not record.problems
    assert first < past
    assert past == sent
    assert record.result.accounting.sent == record.result.accounting.stored == 6_000


def test_a_database_that_goes_on_compacting_is_told(make_bench: MakeBench) -> None:
    """The trial is made all the same, with its reservation."""
    bench = make_bench()
    loaded(bench)
    bench.rig.own_database.compacts = 500.0
    spec = extra(Phase.AGE, rate=500.0, past_hours=0.1, past_rate=10.0)
    record = bench.measurer.run(spec)

    assert record.problems == ["the database still compacted when the load began"]
    assert record.result.accounting.sent == 6_000


def test_cold_bytes_are_those_after_the_compaction(make_bench: MakeBench) -> None:
    """Hot with the log, cold when nothing has moved for 25 s."""
    bench = make_bench()
    loaded(bench)
    spec = extra(Phase.COLD, past_hours=72.0, past_rate=1.0, window=180.0)
    found = bench.measurer.run(spec).cold

    assert found.points == 259_200
    assert found.hot == 40 * 259_200
    assert found.cold == 10 * 259_200
    assert 45.0 <= found.seconds <= 55.0
    assert bench.rig.removed == 1
    oldest = int(bench.rig.thrown_away.bodies[0].split(b"\n")[0].rsplit(b" ", 1)[1])
    days = (bench.world.now + 1_700_000_000 - oldest / 1e6) / 86_400
    assert days == pytest.approx(8 + 3, abs=0.01)


def test_a_compaction_without_end_is_no_figure(make_bench: MakeBench) -> None:
    """What is still hot is not called cold."""
    bench = make_bench()
    loaded(bench)
    bench.rig.thrown_away.compacts = 1_000.0
    record = bench.measurer.run(
        extra(Phase.COLD, past_hours=1.0, past_rate=1.0, window=100.0)
    )

    assert record.cold is None
    assert record.problems == ["the throw-away database: still compacts after 100 s"]


def test_a_trial_has_entities_of_its_own(make_bench: MakeBench) -> None:
    """And the database is asked how many series it then holds."""
    bench = make_bench()
    loaded(bench, phase=Phase.CARDINALITY, entities=10_000)

    assert bench.world.order.entities == 10_000
    spec = TrialSpec(
        id=1, phase=Phase.CARDINALITY, rate=500.0, settle=1, window=5, drain=60
    )
    assert bench.measurer.run(spec).series == 1_000


@pytest.mark.parametrize("generator", [3_000.0, 100_000.0])
def test_emission_is_what_a_reader_alone_gets(
    make_bench: MakeBench, generator: float
) -> None:
    """As much as the source can send, however much it is asked for; no reason why not.

    The stack is back for its turns, and stores all of it.
    """
    bench = make_bench(generator=generator)
    record = bench.measurer.run(extra(Phase.EMIT, rate=4_000.0, settle=3.0))

    assert record.emitted == pytest.approx([min(4_000.0, generator)] * 2, rel=0.02)
    assert record.passed_on == pytest.approx(record.emitted, rel=0.02)
    assert judge(record.result, Slo()).outcome is Outcome.PASS
    assert not bench.rig.alone
    assert not record.problems


def test_what_the_stack_cannot_store_is_not_passed_on(make_bench: MakeBench) -> None:
    """A reader alone gets 4,000 events/s, the stack stores half of them."""
    bench = make_bench(capacity=2_000.0)
    record = bench.measurer.run(extra(Phase.EMIT, rate=4_000.0, settle=3.0))

    assert record.emitted == pytest.approx([4_000, 4_000], rel=0.02)
    assert record.passed_on == pytest.approx([2_000, 2_000], rel=0.02)


def test_a_source_that_grows_slower_does_so_for_both(make_bench: MakeBench) -> None:
    """The reader alone has the first and the last turn, the stack those between."""
    bench = make_bench(generator=4_000.0)
    world, began = bench.world, bench.world.now

    def tire(now: float) -> None:
        world.generator = 4_000.0 - 20.0 * (now - began)

    world.fault = tire
    record = bench.measurer.run(extra(Phase.EMIT, rate=4_000.0, settle=3.0))

    assert record.emitted is not None
    assert record.passed_on is not None
    assert max(record.emitted) / min(record.emitted) > 1.1
    assert fmean(record.passed_on) == pytest.approx(fmean(record.emitted), rel=0.02)


def test_a_reader_that_hears_nothing_is_told(make_bench: MakeBench) -> None:
    """It is a problem of the trial, and no 0."""
    bench = make_bench()
    bench.rig.heard = False
    record = bench.measurer.run(extra(Phase.EMIT, rate=4_000.0))

    assert record.emitted is None
    assert record.problems == ["the source: nothing was heard of it"]


def test_nothing_more_is_sent_to_a_stack_that_does_not_answer(
    make_bench: MakeBench,
) -> None:
    """The stack's half ends with the first look that fails, not with its time."""
    bench = make_bench()
    world = bench.world

    def deafen(now: float) -> None:
        bench.rig.deaf = not bench.rig.alone and 2 < now - world.started < 20

    world.fault = deafen
    record = bench.measurer.run(extra(Phase.EMIT, rate=4_000.0, window=8.0))

    assert record.emitted == pytest.approx([4_000], rel=0.02)
    assert record.passed_on is None
    assert record.problems == ["GET /v1/stats: no answer"]
    assert world.total == pytest.approx(2 * 4_000, rel=0.3)


def test_a_step_begins_with_a_database_at_rest(make_bench: MakeBench) -> None:
    """What it compacts of the load before would be counted as the step's."""
    bench = make_bench()
    loaded(bench)
    bench.rig.own_database.compacts = 20.0
    bench.rig.own_database.write(b"a line")
    began = bench.world.now
    record = bench.measurer.run(
        extra(Phase.CARDINALITY, rate=500.0, window=5.0, entities=10)
    )

    assert bench.world.started - began >= 20.0
    assert record.result.elapsed == pytest.approx(bench.world.now - began, abs=0.1)
    assert not record.problems


def test_a_step_says_that_there_was_no_rest(make_bench: MakeBench) -> None:
    """It is not waited for longer than there is time to drain."""
    bench = make_bench()
    loaded(bench)
    bench.rig.own_database.compacts = 1_000.0
    bench.rig.own_database.write(b"a line")
    began = bench.world.now
    record = bench.measurer.run(
        extra(Phase.CARDINALITY, rate=500.0, window=5.0, entities=10, drain=30.0)
    )

    assert bench.world.started - began == pytest.approx(30.0, abs=2.0)
    assert record.problems == ["the database still compacted when the load began"]


@pytest.mark.parametrize(("rest", "waited"), [(60.0, 22.0), (10.0, 10.0), (0.0, 0.0)])
def test_a_soak_begins_after_the_rest_that_it_asks_for(
    make_bench: MakeBench, rest: float, waited: float
) -> None:
    """It is made all the same: merging is part of its life, that of others is not."""
    bench = make_bench()
    loaded(bench)
    bench.rig.own_database.compacts = 20.0
    bench.rig.own_database.write(b"a line")
    began = bench.world.now
    record = bench.measurer.run(
        extra(Phase.SUSTAINED, rate=500.0, window=5.0, rest=rest)
    )

    assert bench.world.started - began == pytest.approx(waited, abs=1.0)
    assert record.result.elapsed == pytest.approx(bench.world.now - began, abs=0.1)
    assert not record.problems

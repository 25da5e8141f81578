"""Tests of what the gate takes from a trial, and of its table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from capacity.gate import (
    GateResult,
    Metric,
    Sample,
    Side,
    Verdict,
    judge_pairs,
    judge_turn,
    pair_of,
    sample_of,
)
from capacity.gate.table import sentence_of, table_of
from capacity.judge_trial import Judgement, Outcome, Reason
from capacity.names import DATABASE, ENRICHMENT, INGESTION
from capacity.trial import (
    Block,
    Generator,
    Phase,
    Quantiles,
    Resources,
    Slo,
    Stage,
    TrialResult,
    TrialSpec,
)

PASSED = Judgement(outcome=Outcome.PASS)


def trial(cost: float = 1.0) -> TrialResult:
    """Return a trial of 2,000 events that cost a second of CPU time in all."""
    return TrialResult(
        spec=TrialSpec(
            id=3, phase=Phase.SUSTAINED, rate=100.0, settle=5.0, window=20.0, drain=9.0
        ),
        elapsed=30.0,
        achieved=100.0,
        generator=Generator(lag_p50=0.0, lag_p99=0.0, cpu_share=0.1),
        blocks=(Block(due=1_000, in_time=1_000),) * 2,
        latency={
            Stage.TOTAL: Quantiles(
                mean=0.1, p50=0.1, p90=0.15, p99=0.2 * cost, p999=0.3, max=0.4
            )
        },
        resources={
            INGESTION: Resources(cpu=0.4 * cost),
            ENRICHMENT: Resources(cpu=0.6 * cost),
            DATABASE: Resources(cpu=3.0),
        },
    )


def sample(result: TrialResult, side: Side = Side.BASE) -> Sample:
    """Return the sample of a trial that passed."""
    return sample_of(result, PASSED, side=side, fingerprint="host")


def test_cpu_of_the_two_services_is_judged() -> None:
    """The database's is only shown: it moves with compactions."""
    found = sample(trial())

    assert found.metrics == {
        Metric.CPU_PER_EVENT: pytest.approx(5e-4),
        Metric.P99: 0.2,
    }
    assert found.cpu[DATABASE] == pytest.approx(1.5e-3)
    assert (found.pair, found.valid) == (3, True)


def test_what_was_not_measured_is_left_out() -> None:
    """No figure is something else than 0."""
    empty = replace(trial(), blocks=(), latency={})
    assert sample(empty).metrics == {}
    alone = replace(trial(), resources={ENRICHMENT: Resources(cpu=0.6)})
    assert set(sample(alone).metrics) == {Metric.P99}


def test_a_trial_that_failed_says_so_in_its_pair() -> None:
    """With the reasons, for the table."""
    judged = Judgement(outcome=Outcome.FAIL, reasons=(Reason.LOST,))
    failed = sample_of(trial(), judged, side=Side.NEW, fingerprint="host")
    pair = pair_of(sample(trial()), failed)

    assert (pair.base_failed, pair.new_failed) == (False, True)
    assert failed.reasons == ("lost",)
    assert failed.valid


@pytest.mark.parametrize(
    ("lag", "achieved", "outcome"),
    [
        (0.005, 100.0, Outcome.PASS),
        (0.03, 100.0, Outcome.PASS),
        (0.06, 100.0, Outcome.INVALID),
        (0.03, 90.0, Outcome.INVALID),
    ],
    ids=["in time", "a little late", "too late", "late and too few"],
)
def test_a_source_that_is_a_little_late_spoils_no_ratio(
    lag: float, achieved: float, outcome: Outcome
) -> None:
    """Both sides have it; a capacity would not be valid."""
    generator = Generator(lag_p50=lag / 2, lag_p99=lag, cpu_share=0.1)
    late = replace(trial(), generator=generator, achieved=achieved)

    assert judge_turn(late, Slo()).outcome is outcome


def test_what_fails_while_the_source_is_late_has_failed() -> None:
    """The new version may be the reason of both."""
    generator = Generator(lag_p50=0.01, lag_p99=0.03, cpu_share=0.1)
    blocks = (Block(due=1_000, in_time=900),) * 2
    judged = judge_turn(replace(trial(), generator=generator, blocks=blocks), Slo())

    assert judged == Judgement(outcome=Outcome.FAIL, reasons=(Reason.ATTAINMENT,))


def shown(cost: float, outcome: Outcome = Outcome.PASS) -> tuple[GateResult, str]:
    """Return the result of five pairs and their table."""
    base = [sample(trial())] * 5
    reasons = (Reason.LOST,) if outcome is Outcome.FAIL else ()
    judged = Judgement(outcome=outcome, reasons=reasons)
    new = [sample_of(trial(cost), judged, side=Side.NEW, fingerprint="host")] * 5
    result = judge_pairs(
        [pair_of(b, n) for b, n in zip(base, new, strict=True)],
        base_fingerprint="host",
        new_fingerprint="host",
        random=np.random.default_rng(1),
    )
    return result, "\n".join(table_of(result, base, new))


def test_table_shows_what_is_judged_and_each_container() -> None:
    """Figures of both, their ratio and what follows from it."""
    result, text = shown(1.2)

    assert result.verdict is Verdict.CONFIRM
    lines = text.splitlines()
    assert lines[1].split("  ")[0] == "CPU per event"
    assert "500 µs" in lines[1]
    assert "600 µs" in lines[1]
    assert lines[1].endswith("1.200 to 1.200  worse")
    assert lines[2].startswith("p99 ")
    assert next(line for line in lines if ENRICHMENT in line).endswith(
        "1.200  1.200 to 1.200"
    )
    assert "1.000" in next(line for line in lines if DATABASE in line)
    assert "did not carry" not in text


def test_table_of_too_few_pairs_does_not_judge() -> None:
    """Two pairs that lie close together look surer than they are."""
    result, _ = shown(1.2)
    few = replace(result, verdict=Verdict.INCONCLUSIVE)

    assert "worse" not in "\n".join(table_of(few, [sample(trial())], [sample(trial())]))


def test_table_names_why_trials_failed() -> None:
    """A version that loses events is not judged by its speed alone."""
    _, text = shown(1.0, Outcome.FAIL)

    assert "base 0, new 5 (lost)" in text


@pytest.mark.parametrize(
    ("cost", "said"), [(1.0, "not worse"), (0.8, "better in CPU per event and p99")]
)
def test_verdict_is_a_sentence(cost: float, said: str) -> None:
    """What is better is named."""
    result, _ = shown(cost)

    assert sentence_of(result, None) == said


def test_sentence_tells_what_a_confirmation_has_shown() -> None:
    """Green after a suspicion is something else than green at once."""
    result, _ = shown(1.0)
    first, _ = shown(1.2)

    assert "fresh pairs do not confirm" in sentence_of(result, first)
    unsure = replace(result, verdict=Verdict.INCONCLUSIVE)
    assert "too noisy to confirm it" in sentence_of(unsure, first)
    assert "too few valid pairs" in sentence_of(unsure, None)
    red = replace(result, verdict=Verdict.FAIL)
    assert sentence_of(red, first) == "worse, and fresh pairs confirm it"


def test_a_wide_interval_is_said() -> None:
    """Green means little where much could have been missed."""
    base = [sample(trial())] * 5
    new = [sample(trial(cost), Side.NEW) for cost in (0.7, 1.4, 0.75, 1.3, 1.0)]
    result = judge_pairs(
        [pair_of(b, n) for b, n in zip(base, new, strict=True)],
        base_fingerprint="host",
        new_fingerprint="host",
        random=np.random.default_rng(1),
    )

    assert result.verdict is Verdict.PASS
    assert "worse would not show" in "\n".join(table_of(result, base, new))

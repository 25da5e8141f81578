"""The order of the trials: one generator that yields a trial and gets its result.

It has no clock: what a trial took is in its result, so the same results always lead
to the same next trial.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Generator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

from ..judge_trial import Judgement, Outcome, judge
from ..trial import Arrival, Phase, Slo, Stage, TrialResult, TrialSpec
from .done import Done, Edge, StopReason
from .extras import EXTRAS, OVERLOAD, RESERVED, Extra, extras_of
from .profile import Profile
from .times import (
    DRAIN_SLACK,
    SUSTAINED_SHARE,
    USUAL_TRIALS,
    drain_time,
    long_outage,
    usual,
)

__all__ = ["LEAST_RATE", "Observed", "Plan"]

LEAST_RATE: Final = 1.0
"""No load goes below: a search that may come to 0 never leaves it."""
GENERATOR_SHARE: Final = 0.7
CALIBRATION_WIDTH: Final = 1.5
SUSTAINED_STEP: Final = 0.9
SUSTAINED_TRIES: Final = 5
GROWTH: Final = 2.0
FAR_GROWTH: Final = 4.0
FAR: Final = 0.1
"""Of the promised time: a p99 below it is that of a stack far below its edge."""
DESCENT: Final = 4.0
ADJUSTMENT: Final = 1.05
MOST_ADJUSTMENTS: Final = 6
MAJORITY: Final = 2
SAME_TRIAL_TRIES: Final = 3
WARM_DIFFERENCE: Final = 0.05
LEAST_EVENTS: Final = 1_000
"""A p99 of fewer events is chance: long trials at low rates are made longer for it."""
MOST_STRETCH: Final = 4.0
DRAIN_TRIES: Final = 2

Asking: TypeAlias = Generator[TrialSpec, TrialResult, "Verdict"]


class Verdict(Enum):
    """What one question to the machine was answered with."""

    PASS = auto()
    FAIL = auto()
    GENERATOR = auto()
    NOT_VALID = auto()
    NO_TIME = auto()
    NOT_DRAINED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A trial that was made, and what it says."""

    result: TrialResult
    judgement: Judgement


@dataclass(slots=True, kw_only=True)
class Plan:
    """What is known so far. `lower` passed, `upper` failed, `cap` is not exceeded.

    `wall` is a rate at which the generator did not keep up, so nothing is known there.
    """

    profile: Profile
    slo: Slo
    arrival: Arrival = Arrival.CONSTANT
    skip: frozenset[Phase] = frozenset()
    real: bool = False
    observed: list[Observed] = field(default_factory=list)
    phase: Phase = Phase.PREFLIGHT
    used: float = 0.0
    generator_max: float | None = None
    cap: float = math.inf
    wall: float | None = None
    lower: float | None = None
    upper: float | None = None
    lower_confirmed: bool = False
    upper_confirmed: bool = False
    sustained: float | None = None
    outage_held: bool | None = None
    adjustments: int = 0
    warm: bool = False
    start: float = LEAST_RATE
    gross: bool = False

    def run(self) -> Generator[TrialSpec, TrialResult, Done]:
        """Yield each trial; the value at the end is what was found."""
        profile = self.profile
        yield from self._trial(Phase.PREFLIGHT, 0.0, settle=0, window=profile.preflight)
        if stop := (yield from self._calibrate()):
            return self._done(stop)
        yield from self._warm_up()
        if stop := (yield from self._bracket()):
            return self._done(stop)
        stop = yield from self._narrow()
        if self.lower is None:
            return self._done(stop)
        held = (yield from self._sustain()) is Verdict.PASS
        if held and Phase.OUTAGE not in self.skip:
            yield from self._outage()
        yield from self._measure_extras()
        return self._done(stop)

    def _narrow(self) -> Generator[TrialSpec, TrialResult, StopReason]:
        stop = yield from self._bisect()
        if stop in {StopReason.NOT_VALID, StopReason.NOT_DRAINED}:
            return stop
        confirmed = yield from self._confirm()
        return confirmed or stop or self._natural_stop()

    # ------------------------------------------------------------------ phases

    def _calibrate(self) -> Generator[TrialSpec, TrialResult, StopReason | None]:
        """Find what the generator alone can send, within a factor of 1.5.

        Where others took the host at a rate, whatever it was, less is tried as well.
        """
        passed = failed = None
        rate = self.profile.calibrate_start
        enough = self.profile.max_rate / GENERATOR_SHARE
        while passed is None or (failed is None and passed < enough):
            verdict = yield from self._calibration(rate)
            if verdict is Verdict.PASS:
                passed, rate = rate, rate * GROWTH
            elif verdict in {Verdict.FAIL, Verdict.GENERATOR}:
                failed = rate
                if passed is None and rate <= LEAST_RATE:
                    return StopReason.GENERATOR_LIMITED
                rate = max(LEAST_RATE, rate / DESCENT)
            elif passed is None:
                return _stop_of(verdict)
            elif verdict is Verdict.NOT_VALID:
                failed = rate
            else:
                break
        while failed is not None and failed / passed > CALIBRATION_WIDTH:
            between = math.sqrt(passed * failed)
            verdict = yield from self._calibration(between)
            if verdict in {Verdict.NOT_VALID, Verdict.NO_TIME}:
                break
            if verdict is Verdict.PASS:
                passed = between
            else:
                failed = between
        self.generator_max = passed
        self.cap = max(LEAST_RATE, min(self.profile.max_rate, GENERATOR_SHARE * passed))
        return None

    def _calibration(self, rate: float) -> Asking:
        """Try a rate; a generator that was late is asked once more before it counts."""
        verdict = Verdict.FAIL
        for _ in range(2):
            verdict = yield from self._ask(
                Phase.CALIBRATE,
                rate,
                settle=1.0,
                window=self.profile.calibrate_window,
                reserve=self._reserve(Phase.CALIBRATE),
            )
            if verdict not in {Verdict.FAIL, Verdict.GENERATOR}:
                break
        return verdict

    def _warm_up(self) -> Generator[TrialSpec, TrialResult, None]:
        """Load the machine until two blocks in a row look alike, or for the cap.

        What is too much for a cold machine is lowered, and the bracket begins there.
        """
        rate = min(self.profile.start_rate, self.cap)
        window = self.profile.warm_up_window
        before: TrialResult | None = None
        for _ in range(int(self.profile.warm_up_cap // window)):
            self.start = rate
            if not (yield from self._drain()):
                return
            seen = yield from self._trial(
                Phase.WARM_UP,
                rate,
                settle=0,
                window=window,
                reserve=self._reserve(Phase.WARM_UP),
            )
            if seen is None:
                return
            if before and _alike(before, seen.result):
                self.warm = True
                return
            before = seen.result
            if seen.judgement.outcome is Outcome.FAIL:
                before = None
                rate = self.start = self._lower_than(rate)

    def _bracket(self) -> Generator[TrialSpec, TrialResult, StopReason | None]:
        """Double until a rate fails, or divide until one passes.

        Far below the edge, as latency tells it, two doublings are one step.
        """
        rate = self.start
        while True:
            verdict = yield from self._short(Phase.BRACKET, rate, repeat=True)
            match verdict:
                case Verdict.PASS:
                    self.lower = rate
                    if self._above() is not None or rate >= self.cap:
                        return None
                    rate = min(rate * self._growth(), self.cap)
                case Verdict.FAIL | Verdict.GENERATOR:
                    self._set_above(rate, verdict)
                    if self.lower is not None:
                        return None
                    if rate <= LEAST_RATE:
                        return (
                            StopReason.MIN_RATE_FAILS
                            if verdict is Verdict.FAIL
                            else StopReason.GENERATOR_LIMITED
                        )
                    rate = self._lower_than(rate)
                case Verdict.NO_TIME if self.lower is not None:
                    return None
                case Verdict.NOT_VALID | Verdict.NO_TIME | Verdict.NOT_DRAINED:
                    return _stop_of(verdict)

    def _bisect(self) -> Generator[TrialSpec, TrialResult, StopReason | None]:
        """Halve the bracket, on a scale of ratios, until it is narrow enough."""
        while (
            self.lower is not None
            and (above := self._above()) is not None
            and above / self.lower > self.profile.width
        ):
            rate = math.sqrt(self.lower * above)
            verdict = yield from self._short(
                Phase.BISECT, rate, repeat=not self.profile.screening
            )
            match verdict:
                case Verdict.PASS:
                    self.lower = rate
                case Verdict.FAIL | Verdict.GENERATOR:
                    self._set_above(rate, verdict)
                case Verdict.NOT_VALID | Verdict.NO_TIME | Verdict.NOT_DRAINED:
                    return _stop_of(verdict)
        return None

    def _confirm(self) -> Generator[TrialSpec, TrialResult, StopReason | None]:
        """Hold both bounds against long trials, and move them until both stand.

        A lower bound that fails by majority is a confirmed upper one, and an upper
        bound that passes a confirmed lower one, so a step costs one bound's trials.
        """
        while self.lower is not None:
            if self.adjustments > MOST_ADJUSTMENTS:
                self._widen()
                return StopReason.UNSTABLE
            if not self.lower_confirmed:
                bound, phase = self.lower, Phase.CONFIRM_LOWER
            elif self.upper is not None and not self.upper_confirmed:
                bound, phase = self.upper, Phase.CONFIRM_UPPER
            else:
                return None
            verdict = yield from self._majority(phase, bound)
            match verdict:
                case Verdict.PASS if phase is Phase.CONFIRM_LOWER:
                    self.lower_confirmed = True
                case Verdict.FAIL if phase is Phase.CONFIRM_UPPER:
                    self.upper_confirmed = True
                case Verdict.PASS:
                    self.adjustments += 1
                    self.lower = bound
                    raised = bound * ADJUSTMENT
                    self.upper = raised if raised <= self.cap else None
                    self.upper_confirmed = False
                case Verdict.FAIL if bound <= LEAST_RATE:
                    self.lower = None
                    return StopReason.MIN_RATE_FAILS
                case Verdict.FAIL:
                    self.adjustments += 1
                    self.upper, self.upper_confirmed = bound, True
                    self.lower = max(LEAST_RATE, bound / ADJUSTMENT)
                case Verdict.GENERATOR if phase is Phase.CONFIRM_UPPER:
                    self.wall, self.upper = bound, None
                    return StopReason.GENERATOR_LIMITED
                case Verdict.GENERATOR if bound <= LEAST_RATE:
                    self.lower = None
                    return StopReason.GENERATOR_LIMITED
                case Verdict.GENERATOR:
                    self.adjustments += 1
                    self.wall = bound
                    self.lower = max(LEAST_RATE, bound / ADJUSTMENT)
                case Verdict.NOT_VALID | Verdict.NO_TIME | Verdict.NOT_DRAINED:
                    self._heed_last(phase, bound)
                    return _stop_of(verdict)
        return None

    def _sustain(self) -> Asking:
        """Soak at the derated edge; a rate that does not hold is lowered.

        Lower ones soak for as long as there is time, the outage that follows included:
        a rate that held for less is worth more than none.
        """
        edge = self.lower or LEAST_RATE
        rate = max(LEAST_RATE, SUSTAINED_SHARE * edge)
        soak = self.profile.soak
        verdict = Verdict.NO_TIME
        for _ in range(SUSTAINED_TRIES):
            verdict = yield from self._long(
                Phase.SUSTAINED, rate, soak, rest=self.profile.rest, reserve=0.0
            )
            if verdict is Verdict.PASS:
                self.sustained = rate
            if verdict is not Verdict.FAIL or rate <= LEAST_RATE:
                return verdict
            rate = max(LEAST_RATE, rate * SUSTAINED_STEP)
            if not (yield from self._drain()):
                return Verdict.NOT_DRAINED
            soak = self._soak_left()
        return verdict

    def _soak_left(self) -> float:
        """Return how long the next soak may be: not less than one that confirms."""
        p = self.profile
        left = p.trial_budget - self.used - p.rest - p.confirm_settle - p.overhead
        if Phase.OUTAGE not in self.skip:
            left -= usual(self.profile, Phase.OUTAGE)
        return min(p.soak, max(p.confirm_window, left))

    def _outage(self) -> Generator[TrialSpec, TrialResult, None]:
        """Stop the database twice: for a moment, and for as long as is promised.

        How the first backlog drains tells how long the second one's draining takes.
        """
        if self.sustained is None:
            return
        p = self.profile
        for seconds, settle, reserve in (
            (p.rehearsal, p.settle, p.overhead + long_outage(self.profile)),
            (p.outage, p.confirm_settle, 0.0),
        ):
            verdict = yield from self._ask(
                Phase.OUTAGE,
                self.sustained,
                settle=settle,
                window=0.0,
                outage=seconds,
                reserve=reserve,
            )
            if verdict in {Verdict.PASS, Verdict.FAIL}:
                passed = verdict is Verdict.PASS
                self.outage_held = passed and self.outage_held is not False

    def _measure_extras(self) -> Generator[TrialSpec, TrialResult, None]:
        """Measure what is beside the edge, as far as the time goes.

        Steps of one phase are compared with each other, so after one of them that
        did not come to a valid end the others of its phase are left out.
        """
        given_up = set(self.skip)
        emit = None
        if self.real and self.lower is not None:
            emit = min(OVERLOAD * self.lower, self.cap)
        for extra in extras_of(self.profile, sustained=self.sustained, emit=emit):
            if extra.phase in given_up:
                continue
            if (yield from self._extra(extra)) in _NO_ANSWER:
                given_up.add(extra.phase)

    def _extra(self, extra: Extra) -> Asking:
        return (
            yield from self._ask(
                extra.phase,
                extra.rate,
                settle=extra.settle,
                window=extra.window,
                reserve=0.0,
                extra=extra,
            )
        )

    # --------------------------------------------------------------- questions

    def _short(self, phase: Phase, rate: float, *, repeat: bool) -> Asking:
        """Ask once; what is not a pass is asked once more if `repeat`.

        A fail whose backlog did not go away in time is clear enough.
        """
        verdict = Verdict.NO_TIME
        for _ in range(2 if repeat else 1):
            again = yield from self._ask(
                phase,
                rate,
                settle=self.profile.settle,
                window=self.profile.window,
                reserve=self._reserve(phase),
            )
            if again is Verdict.NO_TIME and verdict is not Verdict.NO_TIME:
                return verdict
            verdict = again
            if verdict not in {Verdict.FAIL, Verdict.GENERATOR} or self.gross:
                return verdict
        return verdict

    def _majority(self, phase: Phase, rate: float) -> Asking:
        """Ask until two answers are the same: three times at most.

        A fail whose backlog did not go away in time is clear at once.
        """
        counts = dict.fromkeys(Verdict, 0)
        while True:
            verdict = yield from self._long(
                phase, rate, self.profile.confirm_window, reserve=self._reserve(phase)
            )
            counts[verdict] += 1
            if verdict in _NO_ANSWER:
                return verdict
            clear = verdict is Verdict.FAIL and self.gross
            if counts[verdict] >= MAJORITY or clear:
                return verdict
            if sum(counts.values()) > MAJORITY:  # one pass, one fail, one generator
                return Verdict.GENERATOR

    def _long(
        self,
        phase: Phase,
        rate: float,
        window: float,
        *,
        rest: float = 0.0,
        reserve: float,
    ) -> Asking:
        longer = min(max(window, LEAST_EVENTS / rate), MOST_STRETCH * window)
        return (
            yield from self._ask(
                phase,
                rate,
                settle=self.profile.confirm_settle,
                window=longer,
                rest=rest,
                reserve=reserve,
            )
        )

    def _ask(
        self,
        phase: Phase,
        rate: float,
        *,
        settle: float,
        window: float,
        outage: float = 0.0,
        rest: float = 0.0,
        reserve: float,
        extra: Extra | None = None,
    ) -> Asking:
        """Make a trial until it is valid, or the generator's, or has failed to be."""
        for _ in range(SAME_TRIAL_TRIES):
            if not (yield from self._drain()):
                return Verdict.NOT_DRAINED
            seen = yield from self._trial(
                phase,
                rate,
                settle=settle,
                window=window,
                outage=outage,
                rest=rest,
                reserve=reserve,
                extra=extra,
            )
            if seen is None:
                return Verdict.NO_TIME
            if seen.judgement.outcome is Outcome.PASS:
                return Verdict.PASS
            if seen.judgement.outcome is Outcome.FAIL:
                return Verdict.FAIL
            if seen.judgement.blames_generator:
                return Verdict.GENERATOR
        return Verdict.NOT_VALID

    def _drain(self) -> Generator[TrialSpec, TrialResult, bool]:
        """Wait for what is left of the trial before; tell whether it is gone."""
        for _ in range(DRAIN_TRIES):
            if not self.observed or self.observed[-1].result.drained:
                return True
            yield from self._trial(Phase.DRAIN, 0.0, settle=0, window=0)
        return self.observed[-1].result.drained

    def _trial(
        self,
        phase: Phase,
        rate: float,
        *,
        settle: float,
        window: float,
        outage: float = 0.0,
        rest: float = 0.0,
        reserve: float = 0.0,
        extra: Extra | None = None,
    ) -> Generator[TrialSpec, TrialResult, Observed | None]:
        """Yield one trial if it and what comes after it fit into the budget."""
        fixed = rest + settle + window + outage + self.profile.overhead
        fixed += extra.filling if extra else 0.0
        draining = self._expected_drain(rate, settle + window, outage)
        left = self.profile.trial_budget - self.used
        if fixed + draining + reserve > left:
            return None
        most = max(self.profile.drain, DRAIN_SLACK * draining)
        if phase is not Phase.DRAIN:
            self.phase = phase
        spec = TrialSpec(
            id=len(self.observed) + 1,
            phase=phase,
            rate=rate,
            settle=settle,
            window=window,
            outage=outage,
            rest=rest,
            drain=min(most, left - fixed),
            arrival=self.arrival,
            entities=extra.entities if extra else None,
            past_hours=extra.past_hours if extra else 0.0,
            past_rate=extra.past_rate if extra else 0.0,
        )
        result = yield spec
        seen = Observed(result=result, judgement=judge(result, self.slo))
        self.observed.append(seen)
        self.used += result.elapsed
        if phase is not Phase.DRAIN:
            self.gross = not result.drained or self._would_not_drain(result)
        return seen

    def _would_not_drain(self, result: TrialResult) -> bool:
        """Tell it of a trial that was ended early, had it gone on piling up."""
        spec = result.spec
        if result.ended_after is None:
            return False
        loaded = spec.settle + result.ended_after
        draining = result.elapsed - spec.rest - loaded - self.profile.overhead
        return draining * (spec.settle + spec.window) > spec.drain * loaded

    # ------------------------------------------------------------------- times

    def left(self) -> float:
        """Estimate the seconds until the search is done, without the wind-down."""
        budget = max(0.0, self.profile.trial_budget - self.used)
        here = sum(seen.result.spec.phase is self.phase for seen in self.observed)
        phases = list(USUAL_TRIALS)
        expected = 0.0
        begin = phases.index(self.phase) if self.phase in phases else len(phases)
        for phase in phases[begin:]:
            if phase in self.skip:
                continue
            count, length = USUAL_TRIALS[phase], usual(self.profile, phase)
            if phase is self.phase:
                count = max(1, count - here)
                if phase is Phase.OUTAGE and here:  # the rehearsal is over
                    length = long_outage(self.profile) + self.profile.overhead
            expected += count * length
        return min(budget, expected + self._extras_left(EXTRAS))

    def _extras_left(self, phases: Collection[Phase]) -> float:
        """Estimate the seconds of what comes after the search and is not made yet."""
        rate = self.sustained or self.lower or self.profile.start_rate
        made = [s.result.spec.phase for s in self.observed]
        left = 0.0
        emit = rate if self.real else None
        for extra in extras_of(self.profile, sustained=rate, emit=emit):
            if extra.phase in made:
                made.remove(extra.phase)
            elif extra.phase in phases and extra.phase not in self.skip:
                left += extra.settle + extra.window + extra.filling
                left += self.profile.overhead
        return left

    def _reserve(self, phase: Phase) -> float:
        """What later phases need, so that a search always ends with a soak."""
        later = usual(self.profile, Phase.SUSTAINED) + usual(self.profile, Phase.OUTAGE)
        if phase in {Phase.CONFIRM_LOWER, Phase.CONFIRM_UPPER}:
            return later + self._extras_left(RESERVED)
        return later + MAJORITY * usual(self.profile, Phase.CONFIRM_LOWER)

    def _expected_drain(self, rate: float, loaded: float, outage: float) -> float:
        if outage:
            return drain_time(outage)
        if self.phase is Phase.PREFLIGHT or self.lower is None:
            return 0.0
        return min(self.profile.drain, max(0.0, rate / self.lower - 1) * loaded)

    # ------------------------------------------------------------------ bounds

    def _above(self) -> float | None:
        """Return the least rate that is known not to pass, whoever's fault it is."""
        known = [rate for rate in (self.upper, self.wall) if rate is not None]
        return min(known, default=None)

    def _growth(self) -> float:
        """Return by how much the next rate is higher than one that passed."""
        total = self.observed[-1].result.latency.get(Stage.TOTAL)
        far = total is not None and total.p99 <= FAR * self.slo.limit
        return FAR_GROWTH if far else GROWTH

    def _lower_than(self, rate: float) -> float:
        """Return where to go from a first rate that did not pass: down by 4 at least.

        What was served while more was asked for says how far, down by 64 at most.
        """
        last = self.observed[-1].result
        served = SUSTAINED_SHARE * max(0.0, last.achieved - last.backlog.slope)
        return max(LEAST_RATE, min(rate / DESCENT, max(rate / DESCENT**3, served)))

    def _set_above(self, rate: float, verdict: Verdict) -> None:
        if verdict is Verdict.FAIL:
            self.upper = rate
        else:
            self.wall = rate

    def _heed_last(self, phase: Phase, bound: float) -> None:
        """Do not promise a lower bound of which the last word is a fail."""
        last = self.observed[-1]
        if (
            phase is Phase.CONFIRM_LOWER
            and last.result.spec.phase is phase
            and last.result.spec.rate == bound
            and last.judgement.outcome is Outcome.FAIL
        ):
            self.upper = bound
            self.lower = max(LEAST_RATE, bound / ADJUSTMENT)

    def _widen(self) -> None:
        """Take the interval that holds all rates that were held against long trials."""
        ends = [
            (rate / ADJUSTMENT if outcome is Outcome.FAIL else rate)
            for rate, outcome in self._long_trials()
        ]
        self.lower = max(LEAST_RATE, min(ends))
        if self.upper is not None:
            self.upper = max(
                rate * ADJUSTMENT if outcome is Outcome.PASS else rate
                for rate, outcome in self._long_trials()
            )
        self.lower_confirmed = self.upper_confirmed = False

    def _long_trials(self) -> list[tuple[float, Outcome]]:
        return [
            (seen.result.spec.rate, seen.judgement.outcome)
            for seen in self.observed
            if seen.result.spec.phase in {Phase.CONFIRM_LOWER, Phase.CONFIRM_UPPER}
            and seen.judgement.outcome is not Outcome.INVALID
        ]

    def _natural_stop(self) -> StopReason:
        if self.upper is not None:
            wide = self.lower is None or self.upper / self.lower > self.profile.width
            wall = self.wall is not None and wide
            return StopReason.GENERATOR_LIMITED if wall else StopReason.WIDTH_REACHED
        if self.wall is None and self.cap >= self.profile.max_rate:
            return StopReason.MAX_RATE
        return StopReason.GENERATOR_LIMITED

    def _done(self, stop: StopReason) -> Done:
        edge = None
        if self.lower is not None:
            edge = Edge(
                lower=self.lower,
                upper=self.upper,
                lower_confirmed=self.lower_confirmed,
                upper_confirmed=self.upper_confirmed,
            )
        long = [s for s in self.observed if s.result.spec.phase in _AT_THE_EDGE]
        reasons = [
            seen.judgement.reasons
            for seen in self.observed
            if seen.judgement.reasons and seen.result.spec.phase is not Phase.DRAIN
        ]
        last = reasons[-1] if edge is None and reasons else ()
        return Done(
            stop=stop,
            screening=self.profile.screening,
            used=self.used,
            edge=edge,
            sustained=self.sustained,
            outage_held=self.outage_held,
            generator_max=self.generator_max,
            cap=None if math.isinf(self.cap) else self.cap,
            reasons=last,
            adjustments=self.adjustments,
            compaction_seen=any(seen.result.compactions for seen in long),
            warm=self.warm,
        )


_AT_THE_EDGE: Final = frozenset(
    {Phase.CONFIRM_LOWER, Phase.CONFIRM_UPPER, Phase.SUSTAINED}
)


_NO_ANSWER: Final = frozenset({Verdict.NOT_VALID, Verdict.NO_TIME, Verdict.NOT_DRAINED})


def _stop_of(verdict: Verdict) -> StopReason:
    no_time = verdict is Verdict.NO_TIME
    if verdict is Verdict.NOT_DRAINED:
        return StopReason.NOT_DRAINED
    return StopReason.TIME_BUDGET if no_time else StopReason.NOT_VALID


def _alike(before: TrialResult, after: TrialResult) -> bool:
    """Tell whether two windows differ by less than 5 % in p50 and CPU an event."""
    pairs = [
        (_median(before), _median(after)),
        (_cpu_per_event(before), _cpu_per_event(after)),
    ]
    return all(abs(b - a) <= WARM_DIFFERENCE * max(a, b) for a, b in pairs)


def _median(result: TrialResult) -> float:
    total = result.latency.get(Stage.TOTAL)
    return total.p50 if total else 0.0


def _cpu_per_event(result: TrialResult) -> float:
    cpu = sum(used.cpu for used in result.resources.values())
    return cpu / max(1, result.accounting.sent)

"""What the product says about itself is true: counters, gap ledger, admin view."""

from __future__ import annotations

from itertools import pairwise

from stackproof.oracle import Flaw, GapRow

from ...project import LONG_RUNNING
from ..observation import Observation
from ..scenario import Subscription
from .check import Check, Finding, by_oracle, failed, passed, undecided

_SHOWN = 3


def counters_reconcile(seen: Observation) -> Finding:
    """Judge that both equations held at each look, and fit what is stored."""
    if seen.after is None or seen.before is None or not seen.counts:
        return undecided("the counters were not seen before, during and after the run")
    looks = [*seen.counts, seen.after]
    wrong = [counts for counts in looks if not counts.balanced]
    if wrong:
        return failed(
            f"{len(wrong)} of {len(looks)} looks do not add up", str(wrong[0])
        )
    backwards = [
        (one, other)
        for one, other in pairwise(looks)
        if other.received < one.received or other.accounted < one.accounted
    ]
    if backwards:
        one, other = backwards[0]
        return failed("the counters went back", f"from {one} to {other}")
    after = seen.after
    stored = len({row.key for row in seen.rows})
    grown = after.accounted - seen.before.accounted
    if grown < stored:
        return failed(
            f"{grown} events are accounted for, and {stored} rows are stored",
            "more is stored than was ever forwarded",
        )
    if after.dead_lettered != seen.before.dead_lettered:
        dead = after.dead_lettered - seen.before.dead_lettered
        return failed(f"{dead} events are dead letters", "all of them could be stored")
    if after.pending:
        return failed(
            f"{after.pending} events are pending", "nothing may be at the end"
        )
    return by_oracle(
        seen,
        Flaw.COUNTER,
        observed=f"both equations held at {len(looks)} looks; "
        f"{grown} events accounted for",
        facts={"looks": len(looks), "accounted_events": grown},
    )


def gap_ledger_true(seen: Observation) -> Finding:
    """Judge that each gap has a row that is closed and right, and nothing else has."""
    if seen.scenario.subscription is Subscription.HOLDS:
        if seen.gaps:
            return failed(
                f"{len(seen.gaps)} gaps without a lost subscription",
                "; ".join(f"gap {gap.id}: {gap.cause}" for gap in seen.gaps),
            )
        return passed("no gap, as the subscription held")
    breaks = seen.scenario.subscription is Subscription.BREAKS
    if breaks and not seen.gaps:
        return failed(
            "no gap is in the ledger", "the subscription was lost, which opens one"
        )
    wrong = [problem for gap in seen.gaps for problem in _problems(gap, seen)]
    totals = seen.gap_totals
    if totals.get("open") != 0 or totals.get("closed", 0) < len(seen.gaps):
        wrong.append(f"/v1/stats counts {dict(totals)}")
    if wrong:
        return failed(f"{len(wrong)} statements are false", "; ".join(wrong[:_SHOWN]))
    recovered = sum(gap.recovered for gap in seen.gaps)
    told = f"{len(seen.gaps)} gaps, closed, {recovered} events recovered"
    facts = {"gaps": len(seen.gaps), "recovered_events": recovered}
    return by_oracle(seen, Flaw.GAP, observed=told, facts=facts)


def _problems(gap: GapRow, seen: Observation) -> list[str]:
    name = f"gap {gap.id}"
    wrong = []
    if not gap.closed:
        wrong.append(f"{name} is open")
    if not gap.cause:
        wrong.append(f"{name} has no cause")
    if gap.recovered != gap.expected:
        wrong.append(f"{name} has recovered {gap.recovered} of {gap.expected}")
    if gap.unrecoverable and not seen.scenario.forgets:
        wrong.append(f"{name} gives up {gap.unrecoverable} entities: {gap.reasons}")
    if gap.until_us is None or gap.until_us < gap.from_us:
        wrong.append(f"{name} ends before it begins")
    return wrong


def admin_view_true(seen: Observation) -> Finding:
    """Judge that admin-api shows what is so, during the fault and after it."""
    wrong = []
    health = seen.admin["/health"]
    if health["status"] != "ready":
        wrong.append(f"it says {health['status']} when all is ready: {health}")
    stats = seen.admin["/stats"]
    if stats["reconciled"] is not True:
        wrong.append(
            f"it says that the counts do not add up: {stats['reconciliation']}"
        )
    told = {row["name"] for row in health["services"]}
    if not told >= set(LONG_RUNNING) - {"admin-api"}:
        wrong.append(f"it knows only {sorted(told)}")
    rows = {(row.entity_id, row.time_us): row for row in seen.rows}
    ours = {row.entity_id for row in seen.rows}
    told_events = seen.admin["/events"]["events"]
    events = [event for event in told_events if event["entity_id"] in ours]
    last = max(rows, key=lambda key: key[1], default=None)
    if not events or last is None or events[0]["time_us"] != last[1]:
        wrong.append(f"its latest event is {events[:1]}, the database's is {last}")
    for event in events:
        row = rows.get((event["entity_id"], event["time_us"]))
        if row is None or (row.state or "") != event["state"]:
            wrong.append(f"it shows {event}, the database has {row}")
            break
    for service, seconds in seen.silent.items():
        wrong.append(f"it called {service} ready for {seconds:.1f} s while it was not")
    if wrong:
        return failed(f"{len(wrong)} statements are false", "; ".join(wrong[:_SHOWN]))
    return passed(f"health, counts and {len(events)} events are what they should be")


CHECKS = (
    Check(
        name="counters",
        promise="At each moment received = forwarded + pending, all accounted for.",
        judge=counters_reconcile,
        reads=("rows", "stats"),
    ),
    Check(
        name="gap-ledger",
        promise="Each loss of the subscription has a closed and correct row, "
        "and nothing else has one.",
        judge=gap_ledger_true,
        reads=("sent", "gaps"),
    ),
    Check(
        name="admin-view",
        promise="admin-api shows what is so, during the fault and after it.",
        judge=admin_view_true,
        reads=("rows", "admin"),
    ),
)

"""What the tests of this distribution share; above all a made-up report.

No number in it was measured, and none may leave the tests.
"""

from __future__ import annotations

import math
import random
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]
from hypothesis import settings

from capacity import document as doc
from capacity.document import Outcome, Phase, Report, Stage
from capacity.report.sentence import completed

# A shared machine is slow at times; what is tested has no clock.
settings.register_profile("capacity", deadline=None)
settings.load_profile("capacity")

MADE_UP = "MADE UP for the tests of the report: nothing here was measured"
CAPACITY_EPS = 452.0
CONTAINERS = {
    # name: idle cores, CPU-seconds an event, cores allowed, its memory and limit
    "websocket-ingestion": (0.006, 0.00042, 0.5, 74 << 20, 512 << 20),
    "enrichment-pipeline": (0.004, 0.00031, 1.0, 88 << 20, 1 << 30),
    "influxdb": (0.020, 0.00304, 2.0, 420 << 20, 2 << 30),
}
PIECES = {
    Stage.SCHEDULE: 0.4,
    Stage.HA_TO_INGEST: 3.0,
    Stage.INGEST_TO_ENRICH: 21.0,
    Stage.ENRICH_TO_STORED: 14.0,
}
SEARCH = (
    ("W1", Phase.WARM_UP, 25.0, 30.0),
    ("B1", Phase.BRACKET, 25.0, 20.0),
    ("B2", Phase.BRACKET, 50.0, 20.0),
    ("B3", Phase.BRACKET, 100.0, 20.0),
    ("B4", Phase.BRACKET, 200.0, 20.0),
    ("B5", Phase.BRACKET, 400.0, 20.0),
    ("B6", Phase.BRACKET, 800.0, 20.0),
    ("B7", Phase.BRACKET, 800.0, 20.0),
    ("S1", Phase.BISECT, 566.0, 20.0),
    ("S2", Phase.BISECT, 476.0, 20.0),
    ("S3", Phase.BISECT, 436.0, 20.0),
    ("L1", Phase.CONFIRM_LOWER, 436.0, 120.0),
    ("L2", Phase.CONFIRM_LOWER, 436.0, 120.0),
    ("U1", Phase.CONFIRM_UPPER, 476.0, 120.0),
    ("U2", Phase.CONFIRM_UPPER, 476.0, 120.0),
    ("R1", Phase.SUSTAINED, 305.0, 600.0),
    ("O1", Phase.OUTAGE, 305.0, 480.0),
)
INVALID = "S1"

Make = Callable[..., Report]
_GIT = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of two commits, in which a pin is changed since."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for command in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "empty")):
        subprocess.run(["git", "-C", folder, *_GIT, *command], check=True)
    (folder / "constraints.txt").write_text("pin==1\n")
    subprocess.run(["git", "-C", folder, "add", "."], check=True)
    subprocess.run(
        ["git", "-C", folder, *_GIT, "commit", "-q", "-m", "pin"], check=True
    )
    (folder / "constraints.txt").write_text("pin==2\n")
    return folder


@pytest.fixture
def made_up() -> Make:
    """Return the maker of made-up reports; keywords replace parts of one."""
    return make_report


def make_report(**changes: Any) -> Report:
    """Return a made-up report in which the search went well."""
    return completed(msgspec.structs.replace(_report(), **changes))


@cache
def _report() -> Report:
    chance = random.Random(7)
    trials = tuple(_trials(chance))
    return Report(
        schema_version=1,
        run=doc.Run(
            id="made-up-0001",
            started=datetime(2026, 11, 25, 8, 30, tzinfo=UTC),
            duration_s=trials[-1].started_s + trials[-1].window_s,
            profile=doc.Profile.STANDARD,
            command="capacity run --profile standard",
            git=doc.Git(commit="0123456789abcdef", dirty=False),
            seed=7,
            complete=True,
        ),
        verdict=doc.Verdict(
            status=doc.Status.PASS,
            sentence="",
            figures=(),
            sustained_eps=305.0,
            sustained_trial="R1",
            edge=doc.Edge(lower=436.0, upper=476.0, confirmed=True),
            stop_reason=doc.StopReason.WIDTH_REACHED,
        ),
        environment=_environment(),
        workload=doc.Workload(
            entities=1000,
            series=1840,
            event_bytes=412.0,
            arrival=doc.Arrival.POISSON,
            entry=doc.Entry.FAKE_HA,
        ),
        slo=doc.Objective(p=0.99, limit_ms=1000.0, loss=0, backlog_slope=0.01),
        generator=doc.Generator(
            placement=doc.Placement.CO_LOCATED,
            workers=1,
            g_max=9200.0,
            cpu_s_per_event=0.00011,
            lag_ms=doc.LagMs(p50=0.3, p99=2.4),
        ),
        validity=_validity(),
        trials=trials,
        timeline=_timeline(trials, chance),
        model=_model(),
        storage=_storage(),
        speed=_speed(),
        resilience=_resilience(),
        recommendations=_recommendations(),
        baseline=_baseline(),
        warnings=(MADE_UP, "no compaction seen while the upper bound was confirmed"),
    )


def _trials(chance: random.Random) -> Iterator[doc.Trial]:
    started = 40.0
    for name, phase, eps, window in SEARCH:
        yield _trial(name, phase, eps, window, started, chance)
        started += window + 12.0


def _trial(
    name: str,
    phase: Phase,
    eps: float,
    window: float,
    started: float,
    chance: random.Random,
) -> doc.Trial:
    load = eps / CAPACITY_EPS
    passes = load < 1.0
    outcome = Outcome.PASS if passes else Outcome.FAIL
    reasons: tuple[str, ...] = () if passes else ("attainment", "backlog_grows")
    if name == INVALID:
        outcome, reasons = Outcome.INVALID, ("dispatch_lag",)
    count = round(eps * window)
    slow = 1.0 / max(0.05, 1.0 - min(load, 0.985) ** 3)
    if not passes:
        slow *= 1.0 + 60.0 * (load - 0.95)
    latency = dict(_latency(count, slow, chance))
    lost_time = 0.0 if passes else (eps - CAPACITY_EPS) / eps
    stored = count - round(count * lost_time)
    return doc.Trial(
        id=name,
        phase=phase,
        started_s=started,
        target_eps=eps,
        achieved_eps=eps * (0.94 if name == INVALID else 0.9996),
        window_s=window,
        outcome=outcome,
        reasons=reasons,
        attainment=doc.Attainment(
            value=0.9993 if passes else 0.871,
            ci=(0.9981, 0.9998) if passes else (0.842, 0.897),
            blocks=round(window / 10),
        ),
        latency=latency,
        negative_latencies=0,
        accounting=doc.Accounting(
            sent=count,
            acked=stored,
            stored=count,
            rejected=0,
            lost=0,
            duplicate=0,
            out_of_order=0,
        ),
        backlog=doc.Backlog(
            mean=eps * 0.04 if passes else eps * 3,
            end=eps * 0.04 if passes else float(count - stored),
            slope=0.02 if passes else eps - CAPACITY_EPS,
        ),
        resources={
            container: doc.Resources(
                cpu_s=(idle + demand * min(eps, CAPACITY_EPS)) * window,
                throttled_s=0.0 if passes else 0.11 * window,
                mem_peak=memory + round(eps * 9000),
                io=doc.Io(read=0, write=round(eps * window * 900)),
                psi=doc.Pressure(
                    cpu=min(60.0, 30.0 * load), io=min(20.0, 6 * load), memory=0.0
                ),
            )
            for container, (idle, demand, _, memory, _) in CONTAINERS.items()
        },
        blocks=tuple(_blocks(phase, eps, window, latency[Stage.TOTAL], chance)),
        incidents=tuple(_incidents(phase)),
    )


def _latency(
    count: int, slow: float, chance: random.Random
) -> Iterator[tuple[Stage, doc.Latency]]:
    samples: dict[Stage, list[float]] = {stage: [] for stage in PIECES}
    for _ in range(400):
        for stage, typical in PIECES.items():
            part = typical * slow * chance.lognormvariate(0, 0.45)
            if stage is Stage.ENRICH_TO_STORED and chance.random() < 0.012:
                part += 260 * min(slow, 8.0) * chance.random()
            samples[stage].append(part)
    total = [sum(parts) for parts in zip(*samples.values(), strict=True)]
    histogram = HdrHistogram(1, 120_000_000, 3)
    for value in total:
        histogram.record_value(round(value * 1000))
    for stage, values in ((Stage.TOTAL, total), *samples.items()):
        values.sort()
        yield (
            stage,
            doc.Latency(
                count=count,
                mean=round(sum(values) / len(values), 3),
                p50=round(values[len(values) // 2], 3),
                p90=round(values[len(values) * 9 // 10], 3),
                p99=round(values[len(values) * 99 // 100], 3),
                p999=round(values[-1], 3),
                max=round(values[-1] * 1.1, 3),
                hdr=histogram.encode().decode() if stage is Stage.TOTAL else None,
            ),
        )


def _blocks(
    phase: Phase, eps: float, window: float, stored: doc.Latency, chance: random.Random
) -> Iterator[doc.Block]:
    for index in range(round(window / 10)):
        stall = 2.1 if phase is Phase.SUSTAINED and index in {23, 24, 47} else 1.0
        p99 = stored.p99 * stall * chance.lognormvariate(0, 0.12)
        yield doc.Block(
            at_s=index * 10.0,
            count=round(eps * 10),
            p50=round(stored.p50 * chance.lognormvariate(0, 0.05), 2),
            p99=round(p99, 2),
            max=round(p99 * (1.2 + chance.random()), 2),
        )


def _incidents(phase: Phase) -> Iterator[doc.Incident]:
    if phase is Phase.SUSTAINED:
        kinds = doc.IncidentKind
        yield doc.Incident(at_s=231.0, kind=kinds.SNAPSHOT, text="cache snapshot")
        yield doc.Incident(at_s=240.0, kind=kinds.COMPACTION, text="level 1, shard 4")
        yield doc.Incident(at_s=471.0, kind=kinds.COMPACTION, text="full, shard 4")
    if phase is Phase.OUTAGE:
        yield doc.Incident(
            at_s=60.0, kind=doc.IncidentKind.FAULT, text="influxdb stopped"
        )


def _environment() -> doc.Environment:
    return doc.Environment(
        cpu=doc.Cpu(model="Made-up CPU @ 2.4 GHz", cores=2, mhz=2400.0, governor=None),
        mem_bytes=4 << 30,
        swap=0,
        disk=doc.Disk(
            device="mmcblk0p2",
            type="SD card",
            fs="ext4",
            size=64_000_000_000,
            free=41_000_000_000,
            fsync_ms=doc.FsyncMs(p50=2.1, p99=11.8),
        ),
        kernel="6.1.0-made-up",
        cgroup=2,
        docker="27.5.1",
        compose="2.32.4",
        virt="none",
        steal_pct=0.2,
        services={
            name: doc.Service(
                image_digest=f"sha256:{index:064x}",
                version="2.7.12" if name == "influxdb" else "0.1.0",
                cpu_limit=cores,
                mem_limit=limit,
                max_cores=None if name == "influxdb" else 1.0,
            )
            for index, (name, (_, _, cores, _, limit)) in enumerate(CONTAINERS.items())
        },
        fingerprint_sha=f"{0xC0FFEE:064x}"[::-1],
    )


def _validity() -> tuple[doc.Check, ...]:
    ok, warning = doc.Standing.OK, doc.Standing.WARNING
    rows = (
        ("dispatch lag, p99", ok, "2.4 ms", "10 ms", ""),
        ("achieved / target rate", ok, "99.96 %", "at least 99 %", ""),
        ("generator CPU", ok, "3.4 % of its share", "80 %", ""),
        ("sent = stored + rejected + lost", ok, "holds in all 17 trials", "all", ""),
        ("Little's law residual", ok, "2.8 %", "10 %", ""),
        ("CPU steal", ok, "0.2 %", "5 %", ""),
        ("other load before the start", ok, "1.1 % (PSI)", "5 %", ""),
        (
            "disk fsync, p99",
            warning,
            "11.8 ms",
            "10 ms",
            "a slow disk delays each group commit and each write of InfluxDB",
        ),
        ("invalid trials", warning, "1 of 17 (S1)", "0", "left out of all figures"),
    )
    return tuple(
        doc.Check(name=name, standing=standing, value=value, limit=limit, why=why)
        for name, standing, value, limit, why in rows
    )


def _timeline(trials: tuple[doc.Trial, ...], chance: random.Random) -> doc.Timeline:
    step = 2.0
    whole = trials[-1].started_s + trials[-1].window_s
    moments = [index * step for index in range(round(whole / step))]
    return doc.Timeline(
        step_s=step,
        containers={
            name: _series(row, moments, trials, chance)
            for name, row in CONTAINERS.items()
        },
    )


def _series(
    row: tuple[float, float, float, int, int],
    moments: list[float],
    trials: tuple[doc.Trial, ...],
    chance: random.Random,
) -> doc.Series:
    idle, demand, limit, memory, _ = row
    cores, bytes_, throttled = [], [], []
    for now in moments:
        eps = next(
            (
                t.target_eps
                for t in trials
                if t.started_s <= now < t.started_s + t.window_s
            ),
            0.0,
        )
        used = (idle + demand * min(eps, CAPACITY_EPS)) * chance.lognormvariate(0, 0.08)
        cores.append(round(min(limit, used), 4))
        throttled.append(round(max(0.0, used / limit - 0.66) * 0.9, 4))
        grown = memory * (0.55 + 0.45 * (1 - math.exp(-now / 500)))
        bytes_.append(round(grown * chance.lognormvariate(0, 0.015)))
    return doc.Series(
        cpu_cores=tuple(cores),
        mem_bytes=tuple(bytes_),
        throttled=tuple(min(1.0, share) for share in throttled),
    )


def _model() -> doc.Model:
    headroom = doc.Headroom(cpu=0.7, memory=0.5, disk=0.8)
    return doc.Model(
        headroom=headroom,
        demand=tuple(
            doc.Demand(
                container=name,
                cpu_s_per_event=demand,
                idle=idle,
                ci=(demand * 0.97, demand * 1.03),
                x_max=(limit * headroom.cpu - idle) / demand,
            )
            for name, (idle, demand, limit, _, _) in CONTAINERS.items()
        ),
        memory=tuple(
            doc.Memory(
                container=name,
                base=round(memory * 0.6),
                per_series=5200.0 if name == "influxdb" else 310.0,
                per_backlog_event=24.0 if name == "websocket-ingestion" else None,
                peak=memory + 4_000_000,
                max_series=1840,
            )
            for name, (_, _, _, memory, _) in CONTAINERS.items()
        ),
        little_residual=0.028,
        usl=None,
        bottleneck=doc.Bottleneck(
            name="influxdb",
            resource=doc.Resource.CPU,
            evidence=(
                "throttled 11 % of the time at 476 events/s, 0 % at 436",
                "the queue in front of it grew by 24 events/s",
                "smallest x_max of all containers (454 events/s)",
            ),
            confidence=doc.Confidence.HIGH,
        ),
    )


def _storage() -> doc.Storage:
    daily = 305.0 * 86400 * 3.2 * 4.1
    plateau = daily * 366 + 1_300_000_000
    return doc.Storage(
        bytes_per_point=doc.BytesPerPoint(hot=11.2, cold=4.1),
        points_per_event=3.2,
        method="three past days backfilled and compacted in a container of its own",
        kind=doc.Kind.EXTRAPOLATED,
        rate_eps=305.0,
        retention_days=365.0,
        shard_days=7.0,
        fixed_bytes=1_300_000_000,
        plateau_bytes=plateau,
        forecast=tuple(
            doc.Forecast(
                days=float(day),
                bytes=min(plateau, 1_300_000_000 + daily * day),
                lo=min(plateau, 1_300_000_000 + daily * day) * 0.9,
                hi=min(plateau, 1_300_000_000 + daily * day) * 1.12,
            )
            for day in (0, 1, 7, 30, 61, 90, 120, 180, 240, 300, 365, 400)
        ),
        days_to_full=(41e9 * 0.8 - 1_300_000_000) / daily,
    )


def _speed() -> doc.Speed:
    least, most = doc.Sense.AT_LEAST, doc.Sense.AT_MOST
    containers = tuple(CONTAINERS)
    return doc.Speed(
        figures=(
            doc.SpeedFigure(
                name="sustained / direct writes",
                value=0.41,
                unit="of direct",
                sense=least,
                target=0.3,
                aim=0.6,
                holds=True,
                how="305 events/s of 744 lines/s, made up",
            ),
            doc.SpeedFigure(
                name="p99 of event to stored at 300 events/s",
                value=181.0,
                unit="ms",
                sense=most,
                target=150.0,
                aim=50.0,
                holds=False,
                how="60 s, made up",
            ),
            doc.SpeedFigure(
                name="CPU per event, 24 h to 1 h of data",
                value=None,
                unit="times",
                sense=most,
                target=1.2,
                aim=None,
                holds=None,
                how="not measured: 0 steps of 2 had a place",
            ),
        ),
        idle={
            name: doc.Idle(cpu_cores=0.006, mem_peak=70 << 20) for name in containers
        },
        direct=doc.Direct(
            lines_per_s=744.0,
            lines=7_440,
            seconds=10.0,
            batch_lines=5_000,
            line_bytes=280.0,
            compressed=False,
            client_cores=0.02,
        ),
        entities=tuple(
            doc.EntityStep(
                trial=f"E{place}",
                entities=10 ** (2 + place),
                series=10 ** (2 + place),
                cpu_s_per_event=dict.fromkeys(containers, 0.0004),
                mem_peak=dict.fromkeys(containers, (80 + place) << 20),
            )
            for place in (1, 2, 3)
        ),
        age=(),
    )


def _resilience() -> doc.Resilience:
    rate, spare = 305.0, CAPACITY_EPS - 305.0
    peak = round(rate * 120)
    curve = []
    for moment in range(0, 481, 5):
        if moment < 60:
            waits = 14.0
        elif moment <= 180:
            waits = 14 + rate * (moment - 60)
        else:
            waits = max(14.0, peak - spare * 0.94 * (moment - 180))
        curve.append(doc.BacklogPoint(at_s=float(moment), events=round(waits)))
    return doc.Resilience(
        rate_eps=rate,
        down_at_s=60.0,
        outage_s=120.0,
        backlog_peak=peak,
        drain_s=doc.DrainS(predicted=peak / spare, measured=peak / (spare * 0.94)),
        lost=0,
        out_of_order=0,
        buffer_bytes=2_048_000_000,
        bytes_per_event=430.0,
        max_outage_s=2_048_000_000 / 430.0 / rate,
        curve=tuple(curve),
    )


def _recommendations() -> tuple[doc.Recommendation, ...]:
    return (
        doc.Recommendation(
            action="Give influxdb 3 cores instead of 2",
            expected_gain="edge from 436 to about 650 events/s",
            predicted_eps=650.0,
            kind=doc.Kind.EXTRAPOLATED,
            cost=doc.Cost.HARDWARE,
            evidence=("3.04 ms of CPU per event", "throttled 11 % at 476 events/s"),
        ),
        doc.Recommendation(
            action="Put the volumes on an SSD",
            expected_gain="p99 falls by about 20 ms for each write",
            predicted_eps=None,
            kind=doc.Kind.RULE_OF_THUMB,
            cost=doc.Cost.HARDWARE,
            evidence=("fsync p99 is 11.8 ms, below 10 ms is usual",),
        ),
        doc.Recommendation(
            action="Keep the retention at 60 days, or add a disk of 500 GB",
            expected_gain="the disk no longer fills",
            predicted_eps=None,
            kind=doc.Kind.MEASURED,
            cost=doc.Cost.SETTING,
            evidence=("4.1 bytes per point when compacted", "41 GB are free"),
        ),
    )


def _baseline() -> doc.Baseline:
    gates = doc.Gate
    return doc.Baseline(
        run_id="made-up-0000",
        fingerprint_match=True,
        ratios=(
            doc.Ratio(
                metric="CPU per event", value=0.93, ci=(0.91, 0.95), gate=gates.BETTER
            ),
            doc.Ratio(
                metric="p99 at the sustained rate",
                value=1.02,
                ci=(0.96, 1.09),
                gate=gates.SAME,
            ),
            doc.Ratio(
                metric="edge, lower end", value=1.05, ci=(0.97, 1.12), gate=gates.SAME
            ),
        ),
        false_alarm_rate=0.04,
    )

"""Declared limits are read, and compared with engine and kernel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from stackproof.check import Kind, Phase, Verdict
from stackproof.checks.limit import CHECKS
from stackproof.compose import Compose
from stackproof.contract.source import Contract
from stackproof.enforcement import (
    Life,
    cpu_decided,
    judge_cpu,
    judge_kills,
    judge_memory,
    judge_memory_headroom,
    judge_pids,
    judge_pids_headroom,
)
from stackproof.errors import ModelError
from stackproof.limit_values import judge_value, parse_cpuset, weights
from stackproof.limits import (
    Limit,
    Resource,
    Wanted,
    cpu_limit,
    cpu_period_seconds,
    declared_limits,
    memory_limit,
    parse_bytes,
    pids_limit,
)
from stackproof.model import Service
from stackproof.parsing import parse_config

MIB = 2**20
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


def contract(**services: Mapping[str, Any]) -> Contract:
    """Return the contract of some services."""
    document = {"name": "demo", "services": services}
    return Contract(
        compose=Compose(project="demo", files=()),
        document=document,
        model=parse_config(json.dumps(document)),
    )


def service(**declared: Any) -> Service:
    """Return one service, parsed."""
    return contract(one=declared).model.services["one"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("67108864", 64 * MIB),
        (67108864, 64 * MIB),
        ("64m", 64 * MIB),
        ("64MB", 64 * MIB),
        ("64MiB", 64 * MIB),
        ("1.5g", 1536 * MIB),
        ("-1", -1),
    ],
)
def test_sizes_are_read(value: object, expected: int) -> None:
    """Every way to write a size gives bytes."""
    assert parse_bytes(value) == expected


@pytest.mark.parametrize("value", ["", "much", "5 apples", "1x"])
def test_no_size(value: str) -> None:
    """What is no size is refused."""
    with pytest.raises(ModelError):
        parse_bytes(value)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ({}, {}),
        ({"mem_limit": "67108864"}, {"mem_limit": 64 * MIB}),
        ({"mem_limit": "0", "cpus": 0, "pids_limit": 0}, {}),
        ({"memswap_limit": "-1"}, {"memswap_limit": None}),
        ({"pids_limit": -1}, {"pids_limit": None}),
        ({"oom_score_adj": 0}, {"oom_score_adj": 0}),
        ({"oom_score_adj": -500}, {"oom_score_adj": -500}),
        ({"oom_kill_disable": True}, {"oom_kill_disable": True}),
        ({"cpuset": "0-1"}, {"cpuset": "0-1"}),
        ({"cpus": "0.5"}, {"cpus": 0.5}),
        ({"mem_limit": "odd", "cpus": "odd", "ulimits": "odd"}, {}),
        (
            {"ulimits": {"nofile": 10, "nproc": {"soft": 1, "hard": -1}, "x": {}}},
            {
                "ulimits.nofile": (10, 10),
                "ulimits.nproc": (1, -1),
                "ulimits.x": (0, 0),
            },
        ),
        (
            {
                "deploy": {
                    "resources": {
                        "limits": {"memory": "1048576", "cpus": 0.25, "pids": 9},
                        "reservations": {"memory": "4096", "cpus": 0.1},
                    }
                }
            },
            {
                "deploy.resources.limits.memory": MIB,
                "deploy.resources.limits.cpus": 0.25,
                "deploy.resources.limits.pids": 9,
                "deploy.resources.reservations.memory": 4096,
            },
        ),
    ],
)
def test_declared_limits(
    declared: Mapping[str, Any], expected: Mapping[str, Wanted]
) -> None:
    """Every key is found; what says nothing is left out."""
    found = {limit.key: limit.wanted for limit in declared_limits(service(**declared))}

    assert found == expected


def test_deploy_counts_more_than_old_keys() -> None:
    """Compose does it the same way."""
    deploy = {"resources": {"limits": {"memory": "1048576", "pids": 7, "cpus": "0.5"}}}
    both = service(mem_limit="4096", pids_limit=3, cpus=0.1, deploy=deploy)

    assert memory_limit(both) == MIB
    assert pids_limit(both) == 7
    assert cpu_limit(both) == pytest.approx(0.5)


def test_quota_is_a_cpu_limit() -> None:
    """A quota in a period is a number of CPUs."""
    assert cpu_limit(service(cpu_quota=50_000)) == pytest.approx(0.5)
    assert cpu_limit(service(cpu_quota=50_000, cpu_period=25_000)) == pytest.approx(2)
    assert cpu_limit(service(cpu_quota=-1)) is None
    assert cpu_period_seconds(service(cpu_period=25_000)) == pytest.approx(0.025)
    assert cpu_period_seconds(service()) == pytest.approx(0.1)


def values(version: int = 1, **seen: Any) -> Mapping[str, Any]:
    """Return what the probe says of a container."""
    outer = {name: seen.pop(name) for name in set(seen) & {"rlimits", "shm_bytes"}}
    score = seen.pop("oom_score_adj", 0)
    return {"version": version, "values": seen, "oom_score_adj": score, **outer}


R = Resource
TABLE = [
    ("memory", R.MEMORY, MIB, {"Memory": MIB}, values(memory_limit=MIB), PASS),
    ("raised", R.MEMORY, MIB, {"Memory": MIB}, values(memory_limit=9 * MIB), FAIL),
    ("removed", R.MEMORY, MIB, {"Memory": MIB}, values(memory_limit=None), FAIL),
    ("not told", R.MEMORY, MIB, {"Memory": 0}, values(memory_limit=None), FAIL),
    ("hidden", R.MEMORY, MIB, {"Memory": MIB}, values(), UNKNOWN),
    ("ended", R.MEMORY, MIB, {"Memory": MIB}, None, PASS),
    ("page", R.MEMORY, MIB + 5, {"Memory": MIB + 5}, values(memory_limit=MIB), PASS),
    (
        *("swap", R.SWAP, 3 * MIB, {"MemorySwap": 3 * MIB}),
        *(values(memory_limit=MIB, swap_limit=2 * MIB), PASS),
    ),
    (
        *("more swap", R.SWAP, MIB, {"MemorySwap": MIB}),
        *(values(memory_limit=MIB, swap_limit=MIB), FAIL),
    ),
    (
        *("endless swap", R.SWAP, None, {"MemorySwap": -1}),
        *(values(memory_limit=MIB, swap_limit=None), PASS),
    ),
    (
        *("no accounting", R.SWAP, MIB, {"MemorySwap": MIB}),
        *(values(memory_limit=MIB), UNKNOWN),
    ),
    (
        *("cpus", R.CPUS, 0.5, {"NanoCpus": 500_000_000}),
        *(values(cpu_quota=50_000, cpu_period=100_000), PASS),
    ),
    (
        *("more cpus", R.CPUS, 0.5, {"NanoCpus": 500_000_000}),
        *(values(cpu_quota=90_000, cpu_period=100_000), FAIL),
    ),
    (
        *("all cpus", R.CPUS, 0.5, {"NanoCpus": 500_000_000}),
        *(values(cpu_quota=None, cpu_period=100_000), FAIL),
    ),
    ("quota", R.CPU_QUOTA, 5, {"CpuQuota": 5}, values(cpu_quota=5), PASS),
    ("period", R.CPU_PERIOD, 5, {"CpuPeriod": 5}, values(cpu_period=6), FAIL),
    ("shares 1", R.CPU_SHARES, 512, {"CpuShares": 512}, values(cpu_shares=512), PASS),
    ("weight", R.CPU_SHARES, 1024, {"CpuShares": 1024}, values(2, cpu_weight=39), PASS),
    ("new", R.CPU_SHARES, 1024, {"CpuShares": 1024}, values(2, cpu_weight=100), PASS),
    ("wrong", R.CPU_SHARES, 512, {"CpuShares": 512}, values(2, cpu_weight=77), FAIL),
    ("set", R.CPUSET, "0,1", {"CpusetCpus": "0,1"}, values(cpuset="0-1"), PASS),
    ("other set", R.CPUSET, "0", {"CpusetCpus": "0"}, values(cpuset="0-1"), FAIL),
    ("pids", R.PIDS, 9, {"PidsLimit": 9}, values(pids_limit=9), PASS),
    ("no pids", R.PIDS, None, {"PidsLimit": None}, values(pids_limit=None), PASS),
    ("pids gone", R.PIDS, 9, {"PidsLimit": 9}, values(pids_limit=None), FAIL),
    ("shm", R.SHM, MIB, {"ShmSize": MIB}, values(shm_bytes=MIB), PASS),
    ("shm hidden", R.SHM, MIB, {"ShmSize": MIB}, values(shm_bytes=None), UNKNOWN),
    ("score", R.OOM_SCORE, -5, {"OomScoreAdj": -5}, values(oom_score_adj=-5), PASS),
    ("moved", R.OOM_SCORE, -5, {"OomScoreAdj": -5}, values(oom_score_adj=0), FAIL),
    (
        *("killer off", R.OOM_DISABLE, True, {"OomKillDisable": True}),
        *(values(oom_kill_disabled=True), PASS),
    ),
    (
        *("version 2", R.OOM_DISABLE, True, {"OomKillDisable": True}),
        *(values(2), UNKNOWN),
    ),
    (
        *("killer on", R.OOM_DISABLE, False, {"OomKillDisable": None}),
        *(values(2), PASS),
    ),
    ("no swappiness", R.SWAPPINESS, 5, {"MemorySwappiness": 5}, values(2), UNKNOWN),
]


@pytest.mark.parametrize(
    ("resource", "wanted", "host_config", "seen", "verdict"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_value(
    resource: Resource,
    wanted: Wanted,
    host_config: Mapping[str, Any],
    seen: Mapping[str, Any] | None,
    verdict: Verdict,
) -> None:
    """File, engine and kernel have to agree."""
    limit = Limit(resource=resource, key="key", wanted=wanted)

    assert judge_value(limit, host_config, seen).verdict is verdict


@pytest.mark.parametrize(
    ("name", "wanted", "kernel", "verdict"),
    [
        ("nofile", (10, 20), [10, 20], PASS),
        ("nofile", (10, 20), [20, 20], PASS),
        ("nofile", (10, 20), [5, 20], FAIL),
        ("nofile", (10, 20), [10, 40], FAIL),
        ("nofile", (10, 20), [10, -1], FAIL),
        ("nproc", (-1, -1), [-1, -1], PASS),
        ("nproc", (-1, -1), [7, 7], FAIL),
        ("core", (-1, -1), [0, -1], PASS),
        ("nofile", (10, 20), None, UNKNOWN),
    ],
)
def test_ulimit(
    name: str, wanted: tuple[int, int], kernel: list[int] | None, verdict: Verdict
) -> None:
    """A process may raise its soft limit, nothing else."""
    limit = Limit(resource=R.ULIMIT, key=f"ulimits.{name}", wanted=wanted, name=name)
    host = {"Ulimits": [{"Name": name, "Soft": wanted[0], "Hard": wanted[1]}]}
    seen = values(rlimits={name: kernel} if kernel else {})

    assert judge_value(limit, host, seen).verdict is verdict
    assert judge_value(limit, {"Ulimits": None}, seen).verdict is FAIL


def test_cpu_sets_and_weights() -> None:
    """Sets are compared by members, shares by both formulas."""
    assert parse_cpuset("0-2,5") == {0, 1, 2, 5}
    assert parse_cpuset("") == frozenset()
    assert weights(1024) == {39, 100}
    assert weights(2) == {1}
    assert 10_000 in weights(262_144)


LIFE = Life("id", 1.0, 0, True)


def memory(**changes: Any) -> Mapping[str, Any]:
    """Return the answer of the memory probe."""
    seen = {
        "oom_kill_before": 3,
        "oom_kill_after": 4,
        "allocated_bytes": 60 * MIB,
        "usage_before_bytes": 5 * MIB,
        "killed": True,
        "past_limit": False,
    }
    return seen | changes


@pytest.mark.parametrize(
    ("answer", "after", "verdict"),
    [
        (memory(), LIFE, PASS),
        (memory(killed=False, past_limit=True, oom_kill_after=3), LIFE, FAIL),
        (memory(allocated_bytes=20 * MIB), LIFE, FAIL),
        (memory(oom_kill_after=3), LIFE, UNKNOWN),
        (memory(oom_kill_before=None, oom_kill_after=None), LIFE, UNKNOWN),
        (memory(killed=False), LIFE, UNKNOWN),
        (memory(oom_kill_after=5), LIFE, UNKNOWN),
        (memory(), Life("id", 2.0, 1, True), UNKNOWN),
    ],
)
def test_memory_enforced(
    answer: Mapping[str, Any], after: Life, verdict: Verdict
) -> None:
    """The kernel's counter decides, and the service has to live."""
    assert judge_memory(64 * MIB, answer, LIFE, after).verdict is verdict


def cpu(share: float, throttled: int | None = 5) -> Mapping[str, Any]:
    """Return the answer of the CPU probe."""
    return {"seconds": 2.0, "cpu_seconds": share * 2.0, "throttled": throttled}


@pytest.mark.parametrize(
    ("answers", "verdict", "decided"),
    [
        ([cpu(0.52)], PASS, True),
        ([cpu(0.9)], FAIL, False),
        ([cpu(0.9), cpu(1.0)], FAIL, True),
        ([cpu(0.9), cpu(0.5)], PASS, True),
        ([cpu(0.3, 0)], UNKNOWN, False),
        ([cpu(0.49, None)], PASS, True),
        ([cpu(0.1, None)], UNKNOWN, False),
    ],
)
def test_cpu_enforced(
    answers: list[Mapping[str, Any]], verdict: Verdict, *, decided: bool
) -> None:
    """Share and throttling decide together."""
    assert judge_cpu(0.5, answers).verdict is verdict
    assert cpu_decided(0.5, answers) is decided


@pytest.mark.parametrize(
    ("started", "refused", "counts", "verdict"),
    [
        (9, True, (0, 1), PASS),
        (9, True, (None, None), PASS),
        (9, True, (4, 4), UNKNOWN),
        (18, False, (0, 0), FAIL),
    ],
)
def test_pids_enforced(
    started: int,
    counts: tuple[int | None, int | None],
    verdict: Verdict,
    *,
    refused: bool,
) -> None:
    """A refusal counts when it is this limit's."""
    answer = {
        "started": started,
        "refused": refused,
        "usage_before": 1,
        "max_before": counts[0],
        "max_after": counts[1],
    }

    assert judge_pids(10, answer).verdict is verdict


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ({"memory_usage": 50, "memory_peak": 80}, PASS),
        ({"memory_usage": 95, "memory_peak": 99, "memory_cache": 50}, PASS),
        ({"memory_usage": 95, "memory_peak": 99, "memory_cache": 1}, FAIL),
        ({"memory_usage": 50}, PASS),
        ({}, UNKNOWN),
    ],
)
def test_memory_headroom(seen: Mapping[str, int], verdict: Verdict) -> None:
    """Cached files do not count."""
    assert judge_memory_headroom({"memory_limit": 100, **seen}).verdict is verdict


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        ({"pids_usage": 5}, PASS),
        ({"pids_usage": 5, "pids_peak": 10}, FAIL),
        ({"pids_usage": 10}, FAIL),
        ({}, UNKNOWN),
    ],
)
def test_pids_headroom(seen: Mapping[str, int], verdict: Verdict) -> None:
    """The peak counts where the kernel knows it."""
    assert judge_pids_headroom({"pids_limit": 10, **seen}).verdict is verdict


@pytest.mark.parametrize(
    ("events", "flagged", "counted", "verdict"),
    [
        (0, False, 0, PASS),
        (0, False, None, PASS),
        (1, False, None, FAIL),
        (0, True, None, FAIL),
        (0, False, 2, FAIL),
    ],
)
def test_kills(
    events: int, counted: int | None, verdict: Verdict, *, flagged: bool
) -> None:
    """Any of the three records is enough."""
    assert judge_kills(events, flagged=flagged, counted=counted).verdict is verdict


def labels(check_id: str, made: Contract) -> set[str]:
    """Return the labels of a check's claims."""
    (check,) = (check for check in CHECKS if check.id == check_id)
    return {claim.label for claim in check.claims(made)}


def test_claims_follow_from_what_is_declared() -> None:
    """One-shots and absent services are left out where they have to be."""
    made = contract(
        bare={},
        job={"mem_limit": "64m", "pids_limit": 5},
        after={"depends_on": {"job": {"condition": "service_completed_successfully"}}},
        server={
            "mem_limit": "64m",
            "cpus": 0.5,
            "pids_limit": 5,
            "shm_size": "1m",
            "ulimits": {"nofile": 5},
        },
        none={"mem_limit": "64m", "deploy": {"replicas": 0}},
        shared={"ipc": "host", "shm_size": "1m"},
        hangs={"mem_limit": "64m", "oom_kill_disable": True},
    )

    memory_values = {"job mem_limit", "server mem_limit", "hangs mem_limit"}
    assert labels("LIMIT-01", made) == memory_values
    assert labels("LIMIT-07", made) == {"server ulimits.nofile"}
    assert labels("LIMIT-08", made) == {"server shm_size"}
    assert labels("LIMIT-10", made) == {"server"}
    assert labels("LIMIT-11", made) == {"server"}
    assert labels("LIMIT-12", made) == {"server"}
    assert labels("LIMIT-13", made) == {"job", "server", "hangs"}
    assert labels("LIMIT-14", made) == {"server memory", "server pids", "hangs memory"}
    assert labels("LIMIT-15", made) == {"bare", "after", "shared"}


def test_only_reading_checks_are_live() -> None:
    """What disturbs is never run on production."""
    for check in CHECKS:
        assert check.live is (check.phase is Phase.LOOK)
    policies = {check.id for check in CHECKS if check.kind is Kind.POLICY}
    assert policies == {"LIMIT-14", "LIMIT-15", "LIMIT-16", "LIMIT-17"}

"""LIMIT turns red for a limit that does not hold, and for nothing else."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackproof.check import Verdict
from stackproof.probes.cgroup import Group
from stackproof.verify.stack import Stack
from stackproof.verify.trial import Outcome

Foreign = Callable[..., Outcome]
Document = dict[str, Any]


def set_limits(document: Document) -> None:
    """Let services declare limits of every kind, in old keys and new ones."""
    services = document["services"]
    services["store"]["deploy"]["resources"]["reservations"] = {"memory": "16M"}
    services["store"]["memswap_limit"] = "128m"
    services["api"]["ulimits"] = {"nofile": {"soft": 512, "hard": 1024}, "core": 0}
    services["api"]["oom_score_adj"] = 50
    services["web"]["shm_size"] = "8m"
    services["web"]["cpu_shares"] = 512
    services["web"]["cpuset"] = "0"
    del services["worker"]["deploy"]
    services["worker"] |= {"mem_limit": "64m", "cpu_quota": 30000, "pids_limit": 20}


@pytest.mark.timeout(120)
def test_limits_in_force_are_green(foreign: Foreign) -> None:
    """Every declared limit is found in the kernel, and the kernel acts on it."""
    outcome = foreign("shop", set_limits, select=("LIMIT",), strict=True)

    assert outcome.red == frozenset(), str(outcome)
    keys = {result.case.claim.subject.key for result in outcome.results}
    assert keys >= {
        *("ulimits.nofile", "ulimits.core", "oom_score_adj", "shm_size", "cpu_shares"),
        *("cpuset", "memswap_limit", "mem_limit", "cpu_quota", "pids_limit"),
        "deploy.resources.reservations.memory",
    }
    assert len(outcome.of("LIMIT-10")) == 4
    assert len(outcome.of("LIMIT-11")) == 4
    assert len(outcome.of("LIMIT-12")) == 4


def write(stack: Stack, service: str, controller: str, *files: str) -> None:
    """Write "NAME VALUE" to the first of some control files that exists."""
    folder = Group(stack.running(service).pid).folder(controller)
    for line in files:
        name, _, value = line.partition(" ")
        if (folder / name).exists():
            (folder / name).write_text(value, "ascii")


@pytest.mark.gate
@pytest.mark.timeout(120)
def test_limits_that_were_lifted_are_seen(foreign: Foreign) -> None:
    """Each lifted limit is missed by its value and by the probe, where it was."""

    def lift(stack: Stack) -> None:
        more = 512 * 2**20
        write(stack, "store", "memory", f"memory.memsw.limit_in_bytes {2 * more}")
        write(stack, "store", "memory", f"memory.limit_in_bytes {more}")
        write(stack, "store", "memory", f"memory.max {more}")
        write(stack, "api", "cpu", "cpu.cfs_quota_us 180000", "cpu.max 180000 100000")
        write(stack, "web", "pids", "pids.max 400")
        resource.prlimit(stack.running("worker").pid, resource.RLIMIT_NOFILE, (64, 128))

    def limit_files(document: Document) -> None:
        # Only a process of the same user may lower a limit without more rights.
        document["services"]["worker"] |= {"ulimits": {"nofile": 1024}, "user": "0:0"}

    outcome = foreign("shop", limit_files, select=("LIMIT",), after_start=lift)

    assert outcome.failed == {
        *{("LIMIT-01", "store"), ("LIMIT-10", "store")},
        *{("LIMIT-04", "api"), ("LIMIT-11", "api")},
        *{("LIMIT-06", "web"), ("LIMIT-12", "web")},
        ("LIMIT-07", "worker"),
    }, str(outcome)
    assert len(outcome.red) == 7, str(outcome)


@pytest.mark.timeout(120)
def test_other_values_in_the_kernel_are_seen(foreign: Foreign) -> None:
    """Swap, reservation, shares, CPUs and the score of a process are compared."""

    def change(stack: Stack) -> None:
        score = Path(f"/proc/{stack.running('api').pid}/oom_score_adj")
        score.write_text("500", "ascii")
        write(stack, "store", "memory", f"memory.memsw.limit_in_bytes {2**29}")
        write(stack, "store", "memory", f"memory.swap.max {2**29}")
        write(stack, "store", "memory", "memory.soft_limit_in_bytes 4096")
        write(stack, "store", "memory", "memory.low 4096")
        write(stack, "web", "cpu", "cpu.shares 100", "cpu.weight 7")
        write(stack, "web", "cpuset", "cpuset.cpus 0-1")

    outcome = foreign(
        "shop", set_limits, select=("LIMIT",), destructive=False, after_start=change
    )

    assert outcome.red == {
        "LIMIT-02[store memswap_limit]",
        "LIMIT-03[store deploy.resources.reservations.memory]",
        "LIMIT-05[web cpu_shares]",
        "LIMIT-05[web cpuset]",
        "LIMIT-09[api oom_score_adj]",
    }, str(outcome)
    assert len(outcome.failed) == 4


@pytest.mark.timeout(120)
def test_updated_container_is_seen(foreign: Foreign) -> None:
    """A container whose limits were changed by `docker update` differs in inspect."""

    def update(stack: Stack) -> None:
        stack.engine.api.update_container(
            stack.running("web").id, mem_limit="80m", memswap_limit="160m"
        )

    outcome = foreign("shop", select=("LIMIT",), destructive=False, after_start=update)

    assert outcome.failed == {("LIMIT-01", "web")}, str(outcome)
    assert len(outcome.red) == 1


@pytest.mark.timeout(120)
def test_too_small_a_limit_is_seen(foreign: Foreign) -> None:
    """A service of which the kernel kills a part fails; others are spared."""

    def starve(document: Document) -> None:
        child = "subprocess.run(['python3', '-c', 'print(len(b\"x\" * 200 * 2**20))'])"
        command = f"import signal, subprocess; {child}; signal.pause()"
        document["services"]["worker"]["command"] = ["python3", "-c", command]

    outcome = foreign("shop", starve, select=("LIMIT-13",))

    assert outcome.failed == {("LIMIT-13", "worker")}, str(outcome)
    assert len(outcome.red) == 1


@pytest.mark.timeout(120)
def test_missing_limits_and_headroom_are_reported(foreign: Foreign) -> None:
    """What has no limit, or is close to it, is told as a policy."""

    def loosen(document: Document) -> None:
        services = document["services"]
        del services["web"]["deploy"]
        hold = "import signal; held = b'x' * (85 * 2**20); signal.pause()"
        services["worker"]["command"] = ["python3", "-c", hold]

    selection = {"select": ("LIMIT",), "destructive": False}
    strict = foreign("shop", loosen, strict=True, **selection)

    assert strict.red == {
        "LIMIT-14[worker memory]",
        "LIMIT-15[web]",
        "LIMIT-16[web]",
        "LIMIT-17[web]",
    }, str(strict)
    assert Verdict.NOT_PROMISED not in {result.verdict for result in strict.results}


@pytest.mark.timeout(120)
def test_other_size_of_shared_memory_is_seen(
    foreign: Foreign, changed: Callable[..., Callable[[Stack], None]]
) -> None:
    """A container that was made before the file was changed keeps its /dev/shm."""

    def declare(document: Document) -> None:
        document["services"]["web"]["shm_size"] = "8m"

    def forget(services: Document) -> None:
        services["web"]["shm_size"] = "16777216"

    select = ("LIMIT-08",)
    outcome = foreign("shop", declare, select=select, after_start=changed(forget))

    assert outcome.failed == {("LIMIT-08", "web")}, str(outcome)

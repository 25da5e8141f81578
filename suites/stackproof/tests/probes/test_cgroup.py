"""Control groups are read in both versions; only containers are touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackproof.probes.cgroup import (
    Group,
    memory_available,
    observe,
    parse_number,
    parse_rlimits,
    parse_rows,
    shm_bytes,
)
from stackproof.probes.child import end_child, fork_child, read_line
from stackproof.probes.memory import comes_first
from stackproof.probes.signals import container_processes, send

ID = "ab" * 32
OTHER = "cd" * 32
PROBES = Path(__file__).resolve().parents[2] / "src" / "stackproof"
MIB = 2**20


def write(path: Path, text: str) -> None:
    """Write a file and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "ascii")


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """A /proc with one container on control groups of version 1."""
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    path = f"/docker/{ID}"
    write(proc / "self" / "cgroup", "2:memory:/\n1:cpu,cpuacct:/\n")
    write(
        proc / "self" / "mountinfo",
        f"30 1 0:1 / {groups}/memory rw - cgroup cgroup rw,memory\n"
        f"31 1 0:2 / {groups}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
    )
    write(proc / "7" / "cgroup", f"2:memory:{path}/inner\n1:cpu,cpuacct:{path}\n0::/\n")
    write(proc / "7" / "mountinfo", "9 1 0:1 / /dev/shm rw - tmpfs shm rw,size=8192k\n")
    write(proc / "7" / "oom_score_adj", "5\n")
    memory, cpu = f"{groups}/memory{path}/", f"{groups}/cpu{path}/"
    for file, text in {
        memory + "memory.limit_in_bytes": "67108864\n",
        memory + "memory.memsw.limit_in_bytes": "134217728\n",
        memory + "memory.usage_in_bytes": "4096\n",
        memory + "memory.soft_limit_in_bytes": "9223372036854771712\n",
        memory + "memory.oom_control": "oom_kill_disable 1\nunder_oom 0\noom_kill 2\n",
        memory + "memory.stat": "total_inactive_file 1024\ntotal_active_file 24\n",
        memory + "cgroup.procs": "7\n",
        memory + "inner/cgroup.procs": "12\n9\n",
        cpu + "cpu.cfs_quota_us": "-1\n",
        cpu + "cpu.cfs_period_us": "100000\n",
        cpu + "cpuacct.usage": "1500000000\n",
    }.items():
        write(Path(file), text)
    return proc


@pytest.fixture
def version_2(tmp_path: Path) -> Path:
    """A /proc with one container on control groups of version 2."""
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    scope = f"/system.slice/docker-{ID}.scope"
    write(proc / "self" / "cgroup", "0::/user.slice\n")
    write(
        proc / "self" / "mountinfo",
        f"30 1 0:1 / {groups} rw - cgroup2 cgroup2 rw,nsdelegate\n",
    )
    write(proc / "7" / "cgroup", f"0::{scope}\n")
    for file, text in {
        "memory.max": "max\n",
        "memory.current": "4096\n",
        "memory.swap.max": "0\n",
        "memory.events": "low 0\noom 1\noom_kill 3\n",
        "cpu.max": "50000 100000\n",
        "cpu.stat": "usage_usec 2500000\nnr_throttled 4\n",
        "cpu.weight": "39\n",
        "pids.max": "40\n",
        "pids.peak": "9\n",
        "cpuset.cpus": "0-1\n",
        "cgroup.procs": "7\n8\n",
    }.items():
        write(Path(f"{groups}{scope}/{file}"), text)
    return proc


def test_version_1_is_read(version_1: Path) -> None:
    """Limits come from one hierarchy a controller."""
    found = observe(7, ID, version_1)

    assert found["version"] == 1
    assert found["values"] == {
        "memory_limit": 64 * MIB,
        "memory_usage": 4096,
        "memory_reservation": None,
        "swap_limit": 64 * MIB,
        "memory_cache": 1048,
        "oom_kills": 2,
        "oom_kill_disabled": True,
        "cpu_quota": None,
        "cpu_period": 100_000,
    }
    assert found["oom_score_adj"] == 5
    assert found["shm_bytes"] == 8 * MIB


def test_version_2_is_read(version_2: Path) -> None:
    """Limits come from the one hierarchy."""
    found = observe(7, ID, version_2)

    assert found["version"] == 2
    assert found["values"] == {
        "memory_limit": None,
        "memory_usage": 4096,
        "swap_limit": 0,
        "memory_cache": 0,
        "oom_kills": 3,
        "cpu_quota": 50_000,
        "cpu_period": 100_000,
        "cpu_weight": 39,
        "pids_limit": 40,
        "pids_peak": 9,
        "cpuset": "0-1",
    }


def test_processes_and_time_of_a_group(version_1: Path) -> None:
    """Groups below count, and PID 1 comes first."""
    group = Group(7, proc=version_1)

    assert group.processes() == [7, 9, 12]
    assert group.cpu_seconds() == pytest.approx(1.5)
    assert container_processes(7, version_1)() == [7, 9, 12]


def test_time_of_a_group_of_version_2(version_2: Path) -> None:
    """CPU time and throttling stand in one file."""
    group = Group(7, proc=version_2)

    assert group.cpu_seconds() == pytest.approx(2.5)
    assert group.rows("cpu", "cpu.stat")["nr_throttled"] == 4


def test_another_container_is_refused(version_1: Path) -> None:
    """A process id may have been given to another."""
    with pytest.raises(ValueError, match="does not belong"):
        Group(7, container=OTHER, proc=version_1)


def test_own_container_is_refused(version_2: Path) -> None:
    """The probe never harms itself."""
    scope = f"0::/system.slice/docker-{ID}.scope\n"
    write(version_2 / "self" / "cgroup", scope)

    with pytest.raises(ValueError, match="the container that asks"):
        Group(7, proc=version_2)


def test_process_outside_of_a_container_is_refused(version_1: Path) -> None:
    """The host's processes are left alone."""
    write(version_1 / "8" / "cgroup", "2:memory:/user.slice\n")
    for name in ("1", "8", "self"):
        (version_1 / name / "ns").mkdir(parents=True)
        (version_1 / name / "ns" / "pid").symlink_to("pid:[1]")

    with pytest.raises(ValueError, match="no container"):
        Group(8, proc=version_1)
    with pytest.raises(ValueError, match="no container"):
        container_processes(8, version_1)


def test_own_process_namespace_tells_a_container(version_1: Path) -> None:
    """Where groups do not tell, namespaces do."""
    write(version_1 / "8" / "cgroup", "2:memory:/\n")
    spaces = {"1": "pid:[1]", "self": "pid:[1]", "8": "pid:[2]", "11": "pid:[2]"}
    for name, space in spaces.items():
        (version_1 / name / "ns").mkdir(parents=True)
        (version_1 / name / "ns" / "pid").symlink_to(space)

    assert container_processes(8, version_1)() == [8, 11]


def state(proc: Path, pid: int, letter: str) -> None:
    """Write the state of a process."""
    write(proc / str(pid) / "stat", f"{pid} (a) b) {letter} 1 1")


def test_stop_is_repeated_until_nothing_moves(version_1: Path) -> None:
    """A process that was missed gets the signal again."""
    for pid in (7, 9, 12):
        state(version_1, pid, "S")
    sent: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        sent.append((pid, number))
        if sent.count((pid, number)) == 2 or pid == 7:
            state(version_1, pid, "T")

    found = send(7, signal.SIGSTOP, everything=True, kill=kill, proc=version_1)

    assert found == {"pids": [7, 9, 12], "stopped": True}
    assert [pid for pid, _ in sent] == [7, 9, 12, 9, 12]


def test_signal_to_the_main_process(version_1: Path) -> None:
    """One process or all of them are reached."""
    sent: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        sent.append((pid, number))

    one = send(7, 9, everything=False, kill=kill, proc=version_1)
    many = send(7, 18, everything=True, kill=kill, proc=version_1)

    assert one == {"pids": [7]}
    assert many == {"pids": [7, 9, 12]}
    assert sent == [(7, 9), (7, 18), (9, 18), (12, 18)]


@pytest.mark.parametrize("probe", ["signals", "memory", "cpu", "forks"])
def test_probes_refuse_a_process_of_the_host(probe: str) -> None:
    """Nothing of this host is signalled or loaded by mistake."""
    request = {
        "pid": os.getpid(),
        "signal": 0,
        "limit": 1,
        "burners": 1,
        "seconds": 0.1,
    }

    done = subprocess.run(
        (sys.executable, "-m", f"probes.{probe}"),
        input=json.dumps(request),
        capture_output=True,
        encoding="utf-8",
        cwd=PROBES,
        check=False,
    )

    assert done.returncode == 1
    assert "container" in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max\n", None),
        ("-1\n", None),
        ("9223372036854771712\n", None),
        ("", None),
        ("42\n", 42),
    ],
)
def test_numbers(text: str, expected: int | None) -> None:
    """All forms of "no limit" are known."""
    assert parse_number(text) == expected


def test_rows_and_rlimits() -> None:
    """Lines of another form are passed over."""
    limits = (
        "Limit                     Soft Limit           Hard Limit           Units\n"
        "Max open files            1024                 unlimited            files\n"
        "Max nice priority         0                    5\n"
    )

    assert parse_rows("a 1\nb x\nc 2 3\nd 4\n") == {"a": 1, "d": 4}
    assert parse_rlimits(limits) == {"nofile": [1024, -1], "nice": [0, 5]}


@pytest.mark.parametrize(
    ("option", "size"),
    [("size=64k", 64 * 2**10), ("size=2m", 2 * MIB), ("size=4096", 4096), ("rw", None)],
)
def test_size_of_shared_memory(option: str, size: int | None) -> None:
    """The size stands among the options of the mount."""
    mount = {"target": "/dev/shm", "type": "tmpfs", "super_options": ["rw", option]}

    assert shm_bytes([mount]) == size


def test_memory_of_this_host() -> None:
    """The kernel tells it."""
    assert memory_available() > 0


@pytest.mark.parametrize(
    ("usage", "others", "first"),
    [
        (10, [], True),
        (60, [(50, 0)], True),
        (10, [(5, 1000)], True),
        (60, [(50, 1000)], False),
        (99, [(99, 500)], False),
    ],
)
def test_probe_is_the_first_victim(
    usage: int, others: list[tuple[int, int]], *, first: bool
) -> None:
    """The kernel adds the score to the size."""
    assert comes_first(100, usage, others) is first


@pytest.fixture
def started() -> Iterator[list[int]]:
    """Children to be ended after the test."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        end_child(pid)


def test_child_tells_and_is_ended(started: list[int]) -> None:
    """A child is heard while it lives."""

    def work(pipe: int) -> None:
        os.write(pipe, b"hello")
        signal.pause()

    pid, reading = fork_child(work, seconds=5.0)
    started.append(pid)

    assert read_line(reading, 5.0) == "hello"
    os.close(reading)


def test_failure_of_a_child_is_told(started: list[int]) -> None:
    """An error of a child reaches its parent."""

    def work(_pipe: int) -> None:
        raise ValueError("no such group")

    pid, reading = fork_child(work, seconds=5.0)
    started.append(pid)

    with pytest.raises(ValueError, match="no such group"):
        read_line(reading, 5.0)
    os.close(reading)

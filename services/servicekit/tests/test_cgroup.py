"""Resources: both cgroup versions, own group, and what to say without any."""

from __future__ import annotations

from pathlib import Path

import pytest

from servicekit.cgroup import Resources, read_resources, resident_bytes


def lay(folder: Path, files: dict[str, str]) -> Path:
    """Write the files below the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


V2 = {
    "memory.current": "5000000\n",
    "memory.stat": "anon 1\ninactive_file 1000000\n",
    "memory.max": "268435456\n",
    "cpu.stat": "usage_usec 2500000\nthrottled_usec 250000\n",
    "cpu.max": "50000 100000\n",
    "pids.current": "7\n",
}
V1 = {
    "memory/memory.usage_in_bytes": "5000000\n",
    "memory/memory.stat": "total_inactive_file 1000000\n",
    "memory/memory.limit_in_bytes": "268435456\n",
    "cpu/cpu.stat": "nr_periods 4\nthrottled_time 250000000\n",
    "cpu/cpu.cfs_quota_us": "50000\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "cpuacct/cpuacct.usage": "2500000000\n",
    "pids/pids.current": "7\n",
}
LIMITED = Resources(
    memory_bytes=4_000_000,
    memory_limit_bytes=268_435_456,
    cpu_seconds=2.5,
    cpu_limit_cores=0.5,
    throttled_seconds=0.25,
    pids=7,
)


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({**V2, "cgroup.controllers": "cpu memory"}, id="v2"),
        pytest.param(V1, id="v1"),
    ],
)
def test_reads_a_limited_container(tmp_path: Path, files: dict[str, str]) -> None:
    """Both versions give the same numbers for the same container."""
    root = lay(tmp_path / "cgroup", files)

    assert read_resources(root, tmp_path / "proc") == LIMITED


@pytest.mark.parametrize(
    ("files", "line"),
    [
        pytest.param(
            {
                "cgroup.controllers": "cpu memory",
                **{f"system/one/{name}": text for name, text in V2.items()},
            },
            "0::/system/one\n",
            id="v2",
        ),
        pytest.param(
            {name.replace("/", "/docker/one/", 1): text for name, text in V1.items()},
            "9:memory:/docker/one\n4:cpu,cpuacct:/docker/one\n2:pids:/docker/one\n",
            id="v1",
        ),
    ],
)
def test_finds_its_own_group_on_a_host(
    tmp_path: Path, files: dict[str, str], line: str
) -> None:
    """Where the whole tree is visible, the own group is looked up."""
    root = lay(tmp_path / "cgroup", files)
    proc = lay(tmp_path / "proc", {"self/cgroup": line})

    assert read_resources(root, proc) == LIMITED


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {
                "cgroup.controllers": "",
                "memory.max": "max",
                "cpu.max": "max 100000",
                "memory.current": "10",
            },
            id="v2",
        ),
        pytest.param(
            {
                "memory/memory.limit_in_bytes": "9223372036854771712",
                "memory/memory.usage_in_bytes": "10",
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
            },
            id="v1",
        ),
    ],
)
def test_no_limit_is_none(tmp_path: Path, files: dict[str, str]) -> None:
    """An unlimited container has no limit, not a huge one."""
    now = read_resources(lay(tmp_path, files), tmp_path / "proc")

    assert (now.memory_limit_bytes, now.cpu_limit_cores) == (None, None)
    assert now.memory_bytes == 10


def test_without_a_cgroup_the_process_counts(tmp_path: Path) -> None:
    """Where nothing is mounted, the numbers are those of the process."""
    now = read_resources(tmp_path / "none")

    assert now.memory_bytes > 1_000_000
    assert now.cpu_seconds > 0
    assert now.memory_limit_bytes is None


def test_resident_memory_without_proc_is_zero(tmp_path: Path) -> None:
    """A missing /proc gives 0, not an error."""
    assert resident_bytes(tmp_path) == 0

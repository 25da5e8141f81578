"""What the kernel says about a container's processes is read as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stackproof
from stackproof.probes.process import (
    describe,
    inside,
    observe,
    parse_accounts,
    parse_cgroups,
    parse_clock_offsets,
    parse_mounts,
    parse_status,
    read_process,
    same_container,
)
from stackproof.verify.vantage import HostVantage

_STATUS = """\
Name:\tredis-server
State:\tS (sleeping)
Pid:\t4711
PPid:\t4690
Uid:\t999\t999\t999\t999
Gid:\t1000\t1000\t1000\t1000
Groups:\t1000 1001
NSpid:\t4711\t1
Threads:\t5
SigBlk:\t0000000000000000
SigIgn:\t0000000000001001
SigCgt:\t0000000000004002
CapInh:\t0000000000000000
CapEff:\t0000000000000401
CapBnd:\t00000000a80425fb
NoNewPrivs:\t1
Seccomp:\t2
"""


def test_status_is_read() -> None:
    """Users, capabilities, signals and flags come out as names and numbers."""
    found = parse_status(_STATUS)

    assert found["name"] == "redis-server"
    assert found["state"] == "S"
    assert found["parent"] == 4690
    assert found["inner_pid"] == 1
    assert found["uids"] == [999] * 4
    assert found["gids"] == [1000] * 4
    assert found["groups"] == [1000, 1001]
    assert found["threads"] == 5
    assert found["capabilities"]["effective"] == ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"]
    assert "CAP_SYS_ADMIN" not in found["capabilities"]["bounding"]
    assert len(found["capabilities"]["bounding"]) == 14
    assert found["capabilities"]["permitted"] is None
    assert found["no_new_privs"] is True
    assert found["seccomp"] == 2
    assert found["ignored"] == [1, 13]
    assert found["caught"] == [2, 15]
    assert found["blocked"] == []


def test_what_an_old_kernel_leaves_out_is_not_made_up() -> None:
    """A missing line is None, not a default."""
    found = parse_status("Name:\told\nState:\tR (running)\nUid:\t0\t0\t0\t0\n")

    assert found["no_new_privs"] is None
    assert found["seccomp"] is None
    assert found["inner_pid"] is None
    assert set(found["capabilities"].values()) == {None}


def test_capability_of_a_newer_kernel_keeps_its_number() -> None:
    """An unknown bit is not lost."""
    found = parse_status("CapEff:\t0000020000000000\n")

    assert found["capabilities"]["effective"] == ["CAP_41"]


def test_mounts_are_read() -> None:
    """Escaped blanks and optional fields do not disturb."""
    text = (
        "1 2 0:50 / / ro,relatime master:5 - overlay overlay rw,lowerdir=/x\n"
        "3 1 8:1 /my\\040data /data rw,nosuid - ext4 /dev/sda1 rw\n"
        "broken line\n"
    )

    root, data = parse_mounts(text)

    assert root["target"] == "/"
    assert root["options"] == ["ro", "relatime"]
    assert root["type"] == "overlay"
    assert root["super_options"] == ["rw", "lowerdir=/x"]
    assert data["root"] == "/my data"
    assert data["source"] == "/dev/sda1"


def test_clock_offsets_are_read() -> None:
    """Seconds and nanoseconds add up."""
    assert parse_clock_offsets("monotonic 0 0\nboottime -2 500000000\n") == {
        "monotonic": 0.0,
        "boottime": -1.5,
    }


@pytest.mark.parametrize(
    ("mine", "other", "same"),
    [
        ("0::/docker/a", "0::/docker/a", True),
        ("0::/docker/a", "0::/docker/a/child", True),
        ("0::/docker/a", "0::/docker/ab", False),
        ("0::/docker/a", "0::/", False),
        ("0::/", "0::/", False),
        ("4:memory:/docker/a\n0::/", "4:memory:/docker/a\n0::/", True),
        ("4:memory:/docker/a\n0::/", "4:memory:/docker/b\n0::/", False),
        ("1:cpu,cpuacct:/docker/a", "1:cpu,cpuacct:/docker/a", True),
        ("1:name=systemd:/docker/a", "1:name=systemd:/docker/a", True),
    ],
)
def test_control_group_tells_containers_apart(
    mine: str, other: str, *, same: bool
) -> None:
    """A process belongs to a container by its control group."""
    assert same_container(parse_cgroups(mine), parse_cgroups(other)) is same


def test_process_that_is_gone_is_none(tmp_path: Path) -> None:
    """A process may end between two reads."""
    assert read_process(tmp_path / "1") is None


def test_own_process_is_described() -> None:
    """The real /proc has the documented shape."""
    answer = observe(os.getpid())

    first = answer["processes"][0]
    assert first["pid"] == os.getpid()
    assert first["uids"][0] == os.getuid()
    assert answer["mounts"]
    assert answer["namespaces"]["pid"].startswith("pid:")


def test_vantage_runs_the_probe() -> None:
    """The probe runs without the package."""
    answer = HostVantage().probe("process", {"pid": os.getpid()})

    assert answer["processes"][0]["pid"] == os.getpid()


def test_missing_process_is_said_in_one_line() -> None:
    """The caller shows the last line of standard error."""
    package = Path(stackproof.__file__).parent
    done = subprocess.run(
        [sys.executable, "-m", "probes.process"],
        input='{"pid": 999999999}',
        cwd=package,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("no such process")
    assert len(done.stderr.splitlines()) == 1


def test_accounts_are_read() -> None:
    """Passwd has two numbers, group one; broken lines are passed over."""
    text = "root:x:0:0:root:/root:/bin/sh\nredis:!:999:1000::/:\nstaff:x:50:\n\nx\n"

    assert parse_accounts(text) == {
        "root": [0, 0],
        "redis": [999, 1000],
        "staff": [50],
    }


def test_links_are_followed_inside_of_the_container(tmp_path: Path) -> None:
    """An absolute link means the container's root, not the host's."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "key").write_text("1234", "utf-8")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run").symlink_to("/run")
    (tmp_path / "up").symlink_to("../../run")
    (tmp_path / "loop").symlink_to("loop")

    found = describe(inside(tmp_path, "/var/run/key"))

    assert found is not None
    assert (found["kind"], found["size"]) == ("file", 4)
    assert inside(tmp_path, "/up/key") == tmp_path / "run" / "key"
    assert describe(inside(tmp_path, "/none")) is None
    assert describe(inside(tmp_path, "/loop")) is not None

"""What DATA asks of a file, and how it judges what was seen."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from stackproof.check import Finding, Verdict
from stackproof.checks.data import CHECKS
from stackproof.checks.leftovers import (
    judge_anonymous,
    judge_comes_back,
    judge_kept,
    judge_outside,
    mounted_volumes,
    written_outside,
)
from stackproof.checks.mounts import effective, judge_mount, judge_volume, size_bytes
from stackproof.compose import Compose
from stackproof.contract.source import Contract
from stackproof.drills.markers import Kept, Marked, archive
from stackproof.model import Mount
from stackproof.parsing import parse_config
from stackproof.verify.container import Inspected, parse_inspected

DOCUMENT: dict[str, Any] = {
    "name": "demo",
    "services": {
        "db": {
            "volumes": [
                {"type": "volume", "source": "data", "target": "/data"},
                {"type": "bind", "source": "/etc/x", "target": "/x", "read_only": True},
                {"type": "volume", "target": "/cache"},
            ],
            "tmpfs": ["/tmp:size=1m", "/run"],
        },
        "off": {
            "deploy": {"replicas": 0},
            "volumes": [{"type": "volume", "source": "theirs", "target": "/data"}],
        },
    },
    "volumes": {
        "data": {"name": "demo_data", "labels": {"a": "b"}},
        "theirs": {"name": "theirs", "external": True},
        "attic": {"name": "demo_attic"},
    },
}
MODEL = parse_config(json.dumps(DOCUMENT))
CONTRACT = Contract(
    compose=Compose(project="demo", files=()),
    document=DOCUMENT,
    model=MODEL,
    written={Path("compose.yml"): DOCUMENT},
)


def row(**attrs: Any) -> Inspected:
    """A running container."""
    return parse_inspected(
        {"Id": "1", "Name": "/demo-a-1", "State": {"Status": "running"}, **attrs}
    )


def check(finding: Finding, says: str | None) -> None:
    """Compare a finding with what it has to say; None stands for a pass."""
    if says is None:
        assert finding.verdict is Verdict.PASS, finding
    else:
        assert finding.verdict is Verdict.FAIL
        assert says in finding.observed


@pytest.mark.parametrize(
    ("check_id", "wanted"),
    [
        (
            "DATA-01",
            [
                "db: data at /data",
                "db: bind at /x (read-only)",
                "db: volume at /cache",
                "db: tmpfs at /tmp",
                "db: tmpfs at /run",
                "off: theirs at /data",
            ],
        ),
        ("DATA-02", ["volume data", "volume theirs", "volume attic"]),
        ("DATA-03", ["volume data"]),
        ("DATA-04", ["volume data"]),
        ("DATA-05", ["db"]),
        ("DATA-06", ["db"]),
        ("DATA-07", ["db"]),
        ("DATA-08", ["volume data", "volume theirs", "volume attic"]),
    ],
)
def test_claims(check_id: str, wanted: list[str]) -> None:
    """What there is to prove follows from the file."""
    found = next(check for check in CHECKS if check.id == check_id)

    assert [claim.label for claim in found.claims(CONTRACT)] == wanted


def test_only_used_volumes_count_as_mounted() -> None:
    """A volume that nobody mounts is reported from the file alone."""
    found = next(check for check in CHECKS if check.id == "DATA-08")

    assert [claim.detail for claim in found.claims(CONTRACT)] == [True, True, False]


def test_volumes_as_written() -> None:
    """Short and long entries, and what is no entry at all."""
    services = {"a": {"volumes": ["data:/x", {"source": "logs"}]}, "b": {}, "c": None}

    assert list(mounted_volumes({"services": services})) == ["data", "logs"]
    assert list(mounted_volumes({"services": None})) == []


@pytest.mark.parametrize(
    ("text", "size"),
    [("4m", 2**22), ("1024k", 2**20), ("1GB", 2**30), ("512", 512), ("10%", None)],
)
def test_sizes(text: str, size: int | None) -> None:
    """A percentage of the memory is not judged."""
    assert size_bytes(text) == size


# -------------------------------------------------------------------------- mounts

VOLUME = {"Type": "volume", "Name": "demo_data", "Destination": "/data", "RW": True}
BIND = {"Type": "bind", "Source": "/etc/x", "Destination": "/x", "RW": False}
DATA, HOST_FILE, _, TMP, _ = MODEL.services["db"].mounts


def kernel(target: str, **changes: Any) -> dict[str, Any]:
    """One mount as the probe tells it."""
    return {
        "target": target,
        "root": "/",
        "type": "ext4",
        "source": "/dev/sda1",
        "options": ["rw"],
        "super_options": ["rw"],
        **changes,
    }


@pytest.mark.parametrize(
    ("mount", "inspected", "mounts", "says"),
    [
        (DATA, [VOLUME], None, None),
        (DATA, [VOLUME], [kernel("/data")], None),
        (DATA, [], [], "nothing is mounted at /data"),
        (DATA, [VOLUME], [], "nothing is mounted at /data"),
        (DATA, [{**VOLUME, "Name": "other"}], None, "holds the volume other"),
        (DATA, [{**VOLUME, "Type": "bind"}], None, "is a bind instead"),
        (DATA, [{**VOLUME, "RW": False}], None, "/data is read-only"),
        (DATA, [VOLUME], [kernel("/data", options=["ro"])], "/data is read-only"),
        (
            DATA,
            [VOLUME],
            [kernel("/data"), kernel("/data", type="tmpfs")],
            "tmpfs instead of the volume",
        ),
        (HOST_FILE, [BIND], [kernel("/x", options=["ro"])], None),
        (HOST_FILE, [BIND], [kernel("/x")], "/x is writable"),
        (HOST_FILE, [{**BIND, "Source": "/host_mnt/etc/x"}], None, None),
        (HOST_FILE, [{**BIND, "Source": "/etc/y"}], None, "shows /etc/y"),
    ],
)
def test_mount(
    mount: Mount,
    inspected: list[dict[str, Any]],
    mounts: list[dict[str, Any]] | None,
    says: str | None,
) -> None:
    """The engine and the kernel have to agree with the file."""
    check(judge_mount(mount, MODEL, row(Mounts=inspected), mounts), says)


@pytest.mark.parametrize(
    ("options", "seen", "says"),
    [
        ({"mount": "size=1m"}, {"super_options": ["rw", "size=1024k"]}, None),
        ({"mount": "size=1m"}, {"super_options": ["size=2048k"]}, "2097152 bytes"),
        ({"mount": "mode=1777"}, {"super_options": ["rw"]}, None),
        ({"mount": "mode=700"}, {"super_options": ["mode=700"]}, None),
        ({"mount": "mode=700"}, {"super_options": ["rw"]}, "mode 1777"),
        (
            {"tmpfs": {"size": "4096", "mode": 0o755}},
            {"super_options": ["size=4k"]},
            "mode",
        ),
        ({"mount": "uid=5"}, {"super_options": ["uid=5"]}, None),
        ({"mount": "uid=5"}, {"super_options": ["rw"]}, "uid 0"),
        ({"mount": "noexec"}, {"options": ["rw", "noexec"]}, None),
        ({"mount": "noexec"}, {"options": ["rw"]}, "not noexec"),
        ({}, {"type": "ext4"}, "not in memory"),
    ],
)
def test_tmpfs(options: dict[str, Any], seen: dict[str, Any], says: str | None) -> None:
    """Size, mode, owner and flags of a tmpfs, as far as they are declared."""
    mount = Mount(kind="tmpfs", source=None, target="/tmp", options=options)
    mounts = [kernel("/tmp", **{"type": "tmpfs", **seen})]

    finding = judge_mount(mount, MODEL, row(HostConfig={"Tmpfs": {"/tmp": ""}}), mounts)

    check(finding, says)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"Binds": ["demo_data:/data:rw,nocopy"]}, None),
        ({"Mounts": [{"Target": "/data", "VolumeOptions": {"NoCopy": True}}]}, None),
        ({"Binds": ["demo_data:/data:rw"]}, "in spite of nocopy"),
    ],
)
def test_nocopy(asked: dict[str, Any], says: str | None) -> None:
    """Both ways in which Compose asks for it."""
    mount = Mount(
        kind="volume",
        source="data",
        target="/data",
        options={"volume": {"nocopy": True}},
    )

    check(judge_mount(mount, MODEL, row(Mounts=[VOLUME], HostConfig=asked), None), says)


def test_effective_mount() -> None:
    """The last one counts, also where the image has a link on the way."""
    mounts = [kernel("/run/x"), kernel("/data", type="a"), kernel("/data", type="b")]

    assert (effective(mounts, "/data") or {})["type"] == "b"
    assert (effective(mounts, "/var/run/x") or {})["target"] == "/run/x"
    assert effective(mounts, "/other") is None


@pytest.mark.parametrize(
    ("declared", "attrs", "says"),
    [
        ({"labels": {"a": "b"}}, {"Driver": "local", "Labels": {"a": "b"}}, None),
        ({"labels": {"a": "b"}}, {"Driver": "local", "Labels": None}, "a is not set"),
        ({"driver": "nfs"}, {"Driver": "local"}, "driver is local"),
        ({"driver_opts": {"o": "x"}}, {"Options": {"o": "y"}}, "o is y"),
        ({"external": True, "driver": "nfs"}, {"Driver": "local"}, None),
        ({}, None, "no such volume"),
    ],
)
def test_volume(
    declared: dict[str, Any], attrs: dict[str, Any] | None, says: str | None
) -> None:
    """A volume is what the file declares, as far as it says something."""
    check(judge_volume("data", declared, attrs), says)


# ------------------------------------------------------------------------ survival

MARKED = Marked(
    volume="data",
    engine_name="demo_data",
    files=(".mark", "mark"),
    entries=frozenset({"a", "b"}),
)


@pytest.mark.parametrize(
    ("kept", "verdict"),
    [
        (Kept(marked=MARKED, entries=frozenset({"a", "c"})), Verdict.PASS),
        (Kept(marked=MARKED), Verdict.PASS),
        (Kept(marked=MARKED, entries=frozenset({"c"})), Verdict.FAIL),
        (Kept(marked=MARKED, lost=("mark",), entries=frozenset({"a"})), Verdict.FAIL),
        (Kept(marked=MARKED, problem="all mount it read-only"), Verdict.UNKNOWN),
        (None, Verdict.UNKNOWN),
    ],
)
def test_volume_keeps_what_it_holds(kept: Kept | None, verdict: Verdict) -> None:
    """A lost mark, or all entries gone, is a loss."""
    assert judge_kept(kept, {}, drill="a drill").verdict is verdict


@pytest.mark.parametrize(
    ("lost", "verdict"),
    [
        ({"one": {}, "two": {}}, Verdict.PASS),
        ({"one": {"web": "exited with code 7"}}, Verdict.FAIL),
        ({"one": {}, "two": {"web": "gone", "db": "gone"}}, Verdict.UNKNOWN),
        ({"one": {"db": "gone"}}, Verdict.PASS),
    ],
)
def test_service_comes_back(lost: dict[str, dict[str, str]], verdict: Verdict) -> None:
    """Who waits for somebody that is lost is not to blame."""
    assert judge_comes_back("web", lost, {"db"}).verdict is verdict


def test_marks_are_an_archive() -> None:
    """The engine takes files as a tar archive."""
    with tarfile.open(fileobj=io.BytesIO(archive(["a", ".a"]))) as made:
        assert made.getnames() == ["a", ".a"]


# ------------------------------------------------------------------------ policies


def test_anonymous_volumes() -> None:
    """The engine names them with 64 hexadecimal digits."""
    found = row(Mounts=[VOLUME, {**VOLUME, "Name": "ab" * 32, "Destination": "/anon"}])

    assert list(found.anonymous_volumes.values()) == ["/anon"]
    check(judge_anonymous(["/anon"]), "/anon")
    check(judge_anonymous([]), None)


def test_data_outside_of_volumes() -> None:
    """Passing files, mount points and folders on the way do not count."""
    found = row(Mounts=[VOLUME], HostConfig={"Tmpfs": {"/scratch/": ""}})
    changed = [
        "/data",
        "/scratch/x",
        "/tmp/x",
        "/run/a.pid",
        "/etc/hosts",
        "/app/__pycache__/m.pyc",
        "/srv/.cache/x",
        "/var/lib",
        "/var/lib/app",
        "/var/lib/app/db.sqlite",
        "/etc/token",
    ]
    changes = [{"Path": path, "Kind": 1} for path in changed]
    changes += [{"Path": "/usr/share/doc", "Kind": 2}]

    outside = written_outside(changes, found, ["/etc/token"])
    assert outside == ("/var/lib/app/db.sqlite",)
    check(judge_outside(["/var/lib/app/db.sqlite"]), "db.sqlite")
    check(judge_outside([f"/x{n}" for n in range(9)]), "and 4 more")
    check(judge_outside([]), None)

"""A service that is less confined than declared, or more exposed than needed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stackproof.check import Finding, Verdict
from stackproof.checks.confined import (
    judge_capabilities,
    judge_devices,
    judge_groups,
    judge_namespace,
    judge_privileged,
    judge_read_only,
    judge_security_option,
    judge_user,
    runs_as_root,
)
from stackproof.checks.exposure import (
    is_secret_name,
    judge_digest,
    judge_host_namespaces,
    judge_power,
    judge_secret_variables,
    judge_socket,
    judge_tag,
    judge_world,
    secret_values,
)
from stackproof.checks.leaks import Secret, judge_leaks, plain_words, visible_places
from stackproof.checks.processes import (
    Inside,
    Observed,
    Process,
    inner,
    parse_inside,
)
from stackproof.checks.processes import Path as Found
from stackproof.checks.secrets_kept import judge_modes
from stackproof.checks.security import CHECKS
from stackproof.model import Service
from stackproof.parsing import parse_config
from stackproof.verify.container import parse_inspected


def service(**declared: Any) -> Service:
    """Return a declared service."""
    document = {"name": "demo", "services": {"web": declared}}
    return parse_config(json.dumps(document)).services["web"]


def seen(
    *,
    config: dict[str, Any] | None = None,
    host: dict[str, Any] | None = None,
    inside: Inside | None = None,
) -> Observed:
    """Return a container."""
    attrs = {
        "Id": "abc",
        "State": {"Status": "running", "Pid": 5},
        "Config": config or {},
        "HostConfig": host or {},
    }
    return Observed(container=parse_inspected(attrs), inside=inside)


def process(**facts: Any) -> Process:
    """Return a process of root with nothing special."""
    return Process(
        **{"name": "app", "uid": 0, "gid": 0, "effective_uid": facts.get("uid", 0)}
        | facts
    )


def within(*processes: Process, **facts: Any) -> Inside:
    """Return a container from within."""
    return Inside(processes=processes or (process(),), **facts)


def passes(finding: Finding) -> bool:
    """Tell whether a finding is good."""
    return finding.verdict is Verdict.PASS


def test_ids_and_texts_are_complete() -> None:
    """Each check has a title and all its texts, and only reads."""
    for check in CHECKS:
        assert all((check.title, check.proves, check.how, check.why, check.fix))
        assert check.live


@pytest.mark.parametrize(
    ("declared", "has", "first", "good"),
    [
        ("1000:1001", "1000:1001", process(uid=1000, gid=1001), True),
        ("1000", "1000", process(uid=1000, gid=7), True),
        ("1000", "", process(uid=1000), False),
        ("1000", "1000", process(uid=0), False),
        ("1000:1001", "1000:1001", process(uid=1000, gid=0), False),
        ("redis", "redis", process(uid=999), True),
        ("redis", "redis", process(uid=5), False),
        ("redis:staff", "redis:staff", process(uid=999, gid=50), True),
        ("unknown", "unknown", process(uid=5), True),
        ("0:0", "0:0", process(uid=999), True),
    ],
)
def test_user_is_judged(declared: str, has: str, first: Process, *, good: bool) -> None:
    """Root may give itself up; others may not change."""
    inside = within(first, users={"redis": (999, 1000)}, groups={"staff": 50})
    one = seen(config={"User": has}, inside=inside)

    assert passes(judge_user(service(user=declared), one)) is good


def test_user_of_an_ended_container_is_judged_by_inspect() -> None:
    """There is no process to look at."""
    assert passes(judge_user(service(user="5"), seen(config={"User": "5"})))
    assert not passes(judge_user(service(user="5"), seen(config={"User": ""})))


_BIND, _CHOWN = "CAP_NET_BIND_SERVICE", "CAP_CHOWN"


@pytest.mark.parametrize(
    ("declared", "host", "bounding", "good"),
    [
        ({"cap_drop": ["ALL"]}, {"CapDrop": ["ALL"]}, set(), True),
        ({"cap_drop": ["ALL"]}, {"CapDrop": ["ALL"]}, {_CHOWN}, False),
        ({"cap_drop": ["ALL"]}, {"CapDrop": None}, {_CHOWN}, False),
        (
            {"cap_drop": ["all"], "cap_add": ["net_bind_service"]},
            {"CapDrop": ["ALL"], "CapAdd": ["CAP_NET_BIND_SERVICE"]},
            {_BIND},
            True,
        ),
        (
            {"cap_drop": ["ALL"], "cap_add": ["NET_BIND_SERVICE"]},
            {"CapDrop": ["ALL"], "CapAdd": ["NET_BIND_SERVICE"]},
            set(),
            False,
        ),
        ({"cap_drop": ["CHOWN"]}, {"CapDrop": ["CHOWN"]}, {_BIND}, True),
        ({"cap_drop": ["CHOWN"]}, {"CapDrop": ["CHOWN"]}, {_BIND, _CHOWN}, False),
        ({"cap_add": ["ALL"]}, {"CapAdd": ["ALL"]}, {_BIND, _CHOWN}, True),
        (
            {"cap_drop": ["ALL"], "privileged": True},
            {"CapDrop": ["ALL"]},
            {"CAP_SYS_ADMIN"},
            False,
        ),
    ],
)
def test_capabilities_are_judged(
    declared: dict[str, Any], host: dict[str, Any], bounding: set[str], *, good: bool
) -> None:
    """By what PID 1 may ever have."""
    one = seen(host=host, inside=within(process(bounding=frozenset(bounding))))

    assert passes(judge_capabilities(service(**declared), one)) is good


def test_privileged_and_root_are_judged() -> None:
    """Both ways."""
    assert passes(judge_privileged(service(privileged=False), seen()))
    assert not passes(judge_privileged(service(privileged=True), seen()))
    read_only = within(mounts={"/": ("ro", "relatime")})
    writable = within(mounts={"/": ("rw",)})
    host = {"ReadonlyRootfs": True}
    wanted = service(read_only=True)
    assert passes(judge_read_only(wanted, seen(host=host, inside=read_only)))
    assert not passes(judge_read_only(wanted, seen(host=host, inside=writable)))
    assert passes(judge_read_only(wanted, seen(host=host)))
    assert not passes(judge_read_only(wanted, seen()))


@pytest.mark.parametrize(
    ("option", "asked", "first", "good"),
    [
        ("no-new-privileges:true", "no-new-privileges:true", {"no_new_privs": 1}, True),
        ("no-new-privileges", "no-new-privileges", {"no_new_privs": True}, True),
        ("no-new-privileges=true", "no-new-privileges", {"no_new_privs": True}, True),
        ("no-new-privileges:true", "no-new-privileges", {"no_new_privs": False}, False),
        ("no-new-privileges:true", "label=x", {"no_new_privs": True}, False),
        ("seccomp:unconfined", "seccomp=unconfined", {"seccomp": 0}, True),
        ("seccomp:./own.json", 'seccomp={"a": 1}', {"seccomp": 2}, True),
        ("seccomp:./own.json", 'seccomp={"a": 1}', {"seccomp": 0}, False),
        ("apparmor:mine", "apparmor:mine", {"security": "mine (enforce)"}, True),
        ("apparmor:mine", "apparmor:mine", {"security": None}, False),
    ],
)
def test_security_options_are_judged(
    option: str, asked: str, first: dict[str, Any], *, good: bool
) -> None:
    """By inspect and by the kernel."""
    one = seen(host={"SecurityOpt": [asked]}, inside=within(process(**first)))

    assert passes(judge_security_option(option, one)) is good


@pytest.mark.parametrize(
    ("mode", "asked", "mine", "good"),
    [
        ("host", "host", "pid:[1]", True),
        ("host", "host", "pid:[2]", False),
        ("host", "", "pid:[2]", False),
        ("private", "private", "pid:[2]", True),
        ("private", "private", "pid:[1]", False),
        ("service:db", "container:x", "pid:[3]", True),
        ("service:db", "container:x", "pid:[4]", False),
    ],
)
def test_namespaces_are_judged(mode: str, asked: str, mine: str, *, good: bool) -> None:
    """Shared with the host, with another service, or with nobody."""
    inside = within(namespaces={"pid": mine}, host_namespaces={"pid": "pid:[1]"})
    peer = seen(inside=within(namespaces={"pid": "pid:[3]"}))
    one = seen(host={"PidMode": asked}, inside=inside)

    assert passes(judge_namespace("pid", service(pid=mode), one, peer)) is good


def test_devices_and_groups_are_judged() -> None:
    """By inspect and from within."""
    row = {
        "PathOnHost": "/dev/null",
        "PathInContainer": "/dev/x",
        "CgroupPermissions": "rwm",
    }
    wanted = service(devices=["/dev/null:/dev/x"])
    node = Found(kind="other", mode=0o666, uid=0, gid=0, size=0)
    assert passes(
        judge_devices(
            wanted, seen(host={"Devices": [row]}, inside=within(paths={"/dev/x": node}))
        )
    )
    assert not passes(
        judge_devices(
            wanted, seen(host={"Devices": [row]}, inside=within(paths={"/dev/x": None}))
        )
    )
    assert not passes(judge_devices(wanted, seen()))

    wanted = service(group_add=["staff", "7"])
    host = {"GroupAdd": ["staff", "7"]}
    good = within(process(groups=frozenset({50, 7})), groups={"staff": 50})
    bad = within(process(groups=frozenset({7})), groups={"staff": 50})
    gave_up = within(process(uid=999), groups={"staff": 50})
    assert passes(judge_groups(wanted, seen(host=host, inside=good)))
    assert not passes(judge_groups(wanted, seen(host=host, inside=bad)))
    assert passes(judge_groups(wanted, seen(host=host, inside=gave_up)))
    assert not passes(judge_groups(wanted, seen(inside=good)))


def test_root_is_found_behind_an_init() -> None:
    """An init that only reaps is not what runs."""
    init = process(name="docker-init")
    user = process(name="web", uid=5)

    assert runs_as_root(seen(inside=within(init, user))) == []
    assert runs_as_root(seen(inside=within(init, process()))) == ["app"]
    assert runs_as_root(seen(inside=within(init))) == ["docker-init"]
    assert runs_as_root(seen(config={"User": "0:0"})) == ["its command"]
    assert runs_as_root(seen(config={"User": "5"})) == []


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DB_PASSWORD", True),
        ("POSTGRES_PASSWORD", True),
        ("API_KEY", True),
        ("APIKEY", True),
        ("AUTH_TOKEN", True),
        ("SECRET_KEY_BASE", True),
        ("JWT_SECRET", True),
        ("password", True),
        ("TOKEN_FILE", False),
        ("PASSWORD_MIN_LENGTH", False),
        ("ALLOW_EMPTY_PASSWORD", False),
        ("MYSQL_RANDOM_ROOT_PASSWORD", False),
        ("MONKEY", False),
        ("KEYBOARD", False),
        ("TOKENIZER", False),
    ],
)
def test_secret_names(name: str, *, secret: bool) -> None:
    """A name that ends like a secret, and is no switch."""
    assert is_secret_name(name) is secret


def test_secret_values_are_found_also_in_urls() -> None:
    """A path or an empty value is none."""
    found = secret_values(
        {
            "DB_PASSWORD": "abc",
            "DB_URL": "postgres://app:s3same@db/x",
            "PLAIN_URL": "postgres://app@db/x",
            "API_TOKEN": "",
            "JWT_SECRET": "/run/secrets/jwt",
            "OTHER": "abc",
        }
    )

    assert found == {"DB_PASSWORD": "abc", "DB_URL": "s3same"}
    told = judge_secret_variables(service(environment={"API_TOKEN": "hunter2"}))
    assert not passes(told)
    assert "hunter2" not in told.observed + told.message


def volume(source: str) -> dict[str, Any]:
    """Return a service with a bind mount."""
    return {"volumes": [{"type": "bind", "source": source, "target": "/x"}]}


@pytest.mark.parametrize(
    ("judge", "declared", "good"),
    [
        (judge_socket, volume("/var/run/docker.sock"), False),
        (judge_socket, volume("/run/user/1000/podman/podman.sock"), False),
        (judge_socket, volume("/"), False),
        (judge_socket, volume("/srv/run"), True),
        (judge_socket, {}, True),
        (judge_host_namespaces, {"pid": "host"}, False),
        (judge_host_namespaces, {"network_mode": "host"}, False),
        (judge_host_namespaces, {"network_mode": "none", "ipc": "private"}, True),
        (judge_power, {"privileged": True}, False),
        (judge_power, {"cap_add": ["sys_admin"]}, False),
        (judge_power, {"security_opt": ["seccomp=unconfined"]}, False),
        (judge_power, {"cap_add": ["NET_BIND_SERVICE"], "privileged": False}, True),
        (judge_tag, {"image": "nginx"}, False),
        (judge_tag, {"image": "nginx:latest"}, False),
        (judge_tag, {"image": "host:5000/nginx"}, False),
        (judge_tag, {"image": "host:5000/nginx:1"}, True),
        (judge_tag, {"image": "nginx@sha256:abc"}, True),
        (judge_tag, {"build": {"context": "."}}, True),
        (judge_world, {"ports": [{"target": 1, "published": "1"}]}, False),
        (judge_world, {"ports": [{"target": 1, "host_ip": "0.0.0.0"}]}, False),
        (judge_world, {"ports": [{"target": 1, "host_ip": "127.0.0.1"}]}, True),
        (judge_world, {}, True),
    ],
)
def test_exposure_is_found(judge: Any, declared: dict[str, Any], *, good: bool) -> None:
    """In the file alone."""
    assert passes(judge(service(**declared))) is good


def test_digest_is_asked_of_images_of_a_registry_only() -> None:
    """An image made here has none."""
    assert passes(judge_digest(service(image="a:1"), []))
    assert not passes(judge_digest(service(image="a:1"), ["a@sha256:0"]))
    assert passes(judge_digest(service(image="a:1@sha256:0"), ["a@sha256:0"]))
    assert passes(judge_digest(service(image="a", build={"context": "."}), ["a@x"]))


def test_leaks_are_found_and_not_repeated() -> None:
    """In each place, also escaped; short or common values are left out."""
    key = Secret(name="key", value='line "one"\nline two')
    short = Secret(name="pin", value="1234")
    common = Secret(name="weak", value="password")
    places = visible_places(
        {"Config": {"Env": ["A=1234 password"], "Cmd": ['line "one"\nline two']}}
    )

    found = judge_leaks([key, short, common], places)

    assert found.observed == "key in inspect"
    assert "line" not in repr(key)
    assert passes(judge_leaks([key], {"the logs": "nothing"}))
    logged = judge_leaks(
        [Secret(name="t", value="abcdefgh")], {"the logs": "xabcdefgh"}
    )
    assert logged.observed == "t in the logs"
    assert "abcdefgh" not in logged.message


@pytest.mark.parametrize(
    ("value", "telling"),
    [
        ("hunter2", True),
        ("topsecretvalue", True),
        ("secret", False),
        ("12345", False),
        ("postgres", False),
        ("a1", False),
    ],
)
def test_short_and_common_values_tell_nothing(value: str, *, telling: bool) -> None:
    """They would be found by chance."""
    assert Secret(name="s", value=value).telling is telling


def test_names_of_the_file_are_no_leaks() -> None:
    """A database user is often called like its image."""
    document = {
        "name": "blog",
        "services": {"web": {"image": "host/wordpress:6"}, "empty": None},
        "volumes": {"content": None},
    }

    assert {"blog", "web", "wordpress", "content"} <= plain_words(document)


@pytest.mark.parametrize(
    ("modes", "good"),
    [
        ([0o600, 0o755], True),
        ([0o644, 0o755, 0o755], False),
        ([0o644, 0o700, 0o755], True),
        ([0o602, 0o700], False),
        ([0o440, 0o755], True),
    ],
)
def test_modes_of_a_secret(modes: list[int], *, good: bool) -> None:
    """A closed folder above protects it from being read."""
    assert passes(judge_modes(modes)) is good


def row(**facts: Any) -> dict[str, Any]:
    """Return a process as the probe tells it."""
    plain = {
        "name": "app",
        "uids": [100005] * 4,
        "gids": [100006] * 4,
        "groups": [100006],
        "capabilities": {"bounding": [], "effective": None},
        "no_new_privs": True,
        "seccomp": 2,
        "security": None,
        "oom_score_adj": 0,
    }
    return plain | facts


def test_probe_is_parsed_with_the_ids_of_the_container() -> None:
    """A user namespace shifts them."""
    inside = parse_inside(
        {
            "processes": [row(), {"pid": 8}],
            "mounts": [
                {"target": "/", "options": ["rw"]},
                {"target": "/", "options": ["ro"]},
            ],
            "uid_map": [[0, 100000, 65536]],
            "gid_map": [[0, 100000, 65536]],
            "users": {"app": [5, 6]},
            "paths": {
                "/a": None,
                "/b": {"kind": "file", "mode": 1, "uid": 100000, "gid": 0, "size": 2},
            },
        }
    )

    assert (inside.first.uid, inside.first.gid) == (5, 6)
    assert inside.first.groups == {6}
    assert inside.mounts["/"] == ("ro",)
    assert inside.users == {"app": (5, 6)}
    assert inside.paths["/a"] is None
    assert inside.paths["/b"] == Found(kind="file", mode=1, uid=0, gid=0, size=2)
    assert inner(7, []) == 7
    with pytest.raises(ValueError, match="ended"):
        parse_inside({"processes": [{"pid": 1}], "mounts": []})

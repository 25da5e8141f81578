"""What a file says wrongly, or names without it being there, is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stackproof.check import Finding, Verdict
from stackproof.checks.collisions import judge_address, judge_ports
from stackproof.checks.config import CHECKS
from stackproof.checks.hostfiles import (
    judge_bind,
    judge_build,
    judge_env_file,
    judge_made_folder,
    judge_source,
)
from stackproof.checks.ignored import ignored_keys, old_keys, old_top_level
from stackproof.checks.placeholders import empty_names, is_placeholder
from stackproof.checks.variables import used_variables
from stackproof.checks.written import (
    Use,
    bare_names,
    env_files,
    has_own_default,
    unset_variables,
    uses,
    variables,
)
from stackproof.compose import Compose
from stackproof.contract.source import Contract
from stackproof.model import Mount, StackModel
from stackproof.parsing import parse_config


def model(**services: dict[str, Any]) -> StackModel:
    """Return a stack of these services."""
    return parse_config(json.dumps({"name": "demo", "services": services}))


def passes(finding: Finding) -> bool:
    """Tell whether a finding is good."""
    return finding.verdict is Verdict.PASS


def test_ids_and_texts_are_complete() -> None:
    """Each check has a title and all its texts."""
    for check in CHECKS:
        assert all((check.title, check.proves, check.how, check.why, check.fix))
        assert check.live


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("${A}", [("A", False)]),
        ("$A/${B}", [("A", False), ("B", False)]),
        ("${A:-x} ${B-} ${C:+y} ${D+}", []),
        ("${A:?say it} ${B?}", [("A", True), ("B", True)]),
        ("$$A $${B} costs 5$", []),
        ("$$$A", [("A", False)]),
        ("no variable", []),
    ],
)
def test_variables_without_default_are_found(
    text: str, found: list[tuple[str, bool]]
) -> None:
    """Defaults and escaped dollars are no uses."""
    assert list(variables(text)) == found


def test_place_of_a_variable_is_known() -> None:
    """The service and the path in it are told."""
    document = {
        "x-a": "${X}",
        "services": {"web": {"environment": ["A=${Y}"], "image": "i:${Z:?tag}"}},
        "networks": {"n": {"name": "${N}"}},
    }

    assert sorted(uses(document)) == [
        Use(service="", name="N", place="networks.n.name"),
        Use(service="", name="X", place="x-a"),
        Use(service="web", name="Y", place="environment"),
        Use(service="web", name="Z", place="image", demanded=True),
    ]


def test_each_unset_variable_is_asked_for_at_its_service() -> None:
    """One that only Compose knows of is asked for at the file."""
    contract = Contract(
        compose=Compose(project="", files=(Path("f.yml"),)),
        document={},
        model=model(web={}, db={}),
        written={
            Path("f.yml"): {
                "x-common": {"a": "${SEEN}", "b": "${HIDDEN}"},
                "services": {
                    "web": {"environment": {"A": "${SEEN}"}},
                    "off": {"image": "${OFF}"},
                },
            }
        },
        warnings=('The "INCLUDED" variable is not set.', "something else"),
    )

    assert [claim.label for claim in used_variables(contract)] == [
        "web: ${SEEN}",
        "file: ${OFF}",
        "file: ${HIDDEN}",
        "file: ${INCLUDED}",
    ]


def test_warnings_of_compose_are_understood() -> None:
    """Releases quote the name or do not."""
    said = (
        'The "ONE" variable is not set. Defaulting to a blank string.',
        "The TWO variable is not set. Defaulting to a blank string.",
        "`version` is obsolete",
    )

    assert unset_variables(said) == {"ONE", "TWO"}


def test_empty_default_is_meant() -> None:
    """Only one variable with nothing after the dash."""
    assert has_own_default("${A:-}")
    assert has_own_default("${A-}")
    assert not has_own_default("${A:-x}")
    assert not has_own_default("${A}")
    assert not has_own_default("")


def test_names_without_value_are_found() -> None:
    """In a list and in a mapping."""
    assert bare_names(["A", "B=", "C=1"]) == ("A",)
    assert bare_names({"A": None, "B": "", "C": 1}) == ("A",)
    assert bare_names(None) == ()


def test_env_files_are_read_in_all_forms() -> None:
    """One text, a list, and entries with `required`."""
    assert env_files({"env_file": "a"}) == [("a", True)]
    assert env_files({"env_file": ["a", {"path": "b", "required": False}]}) == [
        ("a", True),
        ("b", False),
    ]
    assert env_files({}) == []


@pytest.mark.parametrize(
    ("name", "value", "placeholder"),
    [
        ("A", "changeme", True),
        ("A", "CHANGE_ME!", True),
        ("A", "please-change-me", True),
        ("DB_PASSWORD", "change-this-now", True),
        ("A", "<your token>", True),
        ("A", "<token>", True),
        ("A", "your_api_key", True),
        ("A", "your-secret-key-here", True),
        ("A", "xxx", True),
        ("A", "XXXXXXXX", True),
        ("A", "TODO", True),
        ("A", "replace-with-your-key", True),
        ("A", "https://example.com/", True),
        ("A", "{{ token }}", True),
        ("DB_PASSWORD", "password", True),
        ("DB_PASSWORD", "example", True),
        ("API_KEY", "none", True),
        ("USER", "postgres", False),
        ("MODE", "none", False),
        ("DB_PASSWORD", "wR7-kk2.Qp", False),
        ("A", "production", False),
        ("A", "https://api.example.com/v1", False),
        ("A", "todo-service", False),
        ("A", "exchange", False),
        ("LIST", "a,b,c", False),
        ("A", "", False),
        ("DB_PASSWORD_FILE", "/run/secrets/password", False),
        ("HOST", "my-database.internal", False),
        ("MY", "my_queue", False),
    ],
)
def test_placeholders_are_told_from_values(
    name: str, value: str, *, placeholder: bool
) -> None:
    """A weak password counts only where a password is meant."""
    assert is_placeholder(name, value) is placeholder


def test_empty_by_accident() -> None:
    """NAME_FILE and a declared empty default are no accidents."""
    variables = {"A": "", "B": "1", "C": "", "D": "", "D_FILE": "/d", "E": None}

    assert empty_names(variables, frozenset({"C"})) == ["A"]


def test_old_and_ignored_keys_are_listed() -> None:
    """What says something and does nothing is named."""
    web = model(
        web={
            "image": "a",
            "links": ["db"],
            "network_mode": "host",
            "ports": [{"target": 80, "published": "80"}],
            "deploy": {
                "placement": {"constraints": ["a"]},
                "restart_policy": {"delay": "5s"},
                "mode": "global",
            },
            "secrets": [{"source": "s", "mode": 256}, {"source": "e", "mode": 256}],
        },
        db={"deploy": {"placement": {}, "resources": {}}},
    )
    document = {"secrets": {"s": {"file": "/s"}, "e": {"environment": "E"}}}

    assert len(old_keys(web.services["web"])) == 1
    assert old_keys(web.services["db"]) == []
    found = ignored_keys(web.services["web"], document)
    assert [row.partition(" ")[0] for row in found] == [
        "deploy.placement",
        "deploy.mode",
        "deploy.restart_policy.delay",
        "ports",
        "secrets",
    ]
    assert ignored_keys(web.services["db"], {}) == []
    assert old_top_level({Path("a"): {"services": {}}}, ()) == []
    assert len(old_top_level({Path("a"): {"version": "3"}}, ("x is gone",))) == 2


def test_build_needs_context_and_dockerfile(tmp_path: Path) -> None:
    """What is fetched when it is built is not looked for."""
    (tmp_path / "Dockerfile").touch()
    here = str(tmp_path)

    assert passes(judge_build({"context": here}))
    assert passes(judge_build(here))
    assert passes(judge_build({"context": here, "dockerfile_inline": "FROM a"}))
    assert passes(judge_build({"context": "https://a.example/b.git"}))
    assert not passes(judge_build({"context": here, "dockerfile": "Other"}))
    assert not passes(judge_build({"context": f"{here}/none"}))
    assert judge_build({"context": "C:\\x"}).verdict is Verdict.UNKNOWN


def bind(source: Path, target: str, *, make: bool, read_only: bool = False) -> Mount:
    """Return a bind mount."""
    return Mount(
        kind="bind",
        source=str(source),
        target=target,
        read_only=read_only,
        options={"bind": {"create_host_path": make} if make else {}},
    )


def test_bind_mounts_need_their_source(tmp_path: Path) -> None:
    """A folder may be made by the engine; a file may not become one."""
    (tmp_path / "file.conf").touch()
    (tmp_path / "folder.conf").mkdir()
    missing = tmp_path / "none"

    assert passes(judge_bind(bind(tmp_path / "file.conf", "/f.conf", make=True)))
    assert passes(judge_bind(bind(missing, "/data", make=True)))
    assert not passes(judge_bind(bind(missing, "/data", make=False)))
    assert not passes(judge_bind(bind(tmp_path / "no.conf", "/no.conf", make=True)))
    assert not passes(judge_bind(bind(tmp_path / "folder.conf", "/f.conf", make=True)))
    assert passes(judge_bind(bind(tmp_path / "folder.conf", "/conf.d", make=True)))
    assert not passes(judge_made_folder(bind(missing, "/data", make=True)))
    empty = bind(tmp_path / "folder.conf", "/data", make=True, read_only=True)
    assert not passes(judge_made_folder(empty))
    assert passes(judge_made_folder(bind(tmp_path, "/data", make=True)))


def test_secret_needs_its_file(tmp_path: Path) -> None:
    """External ones are unknown to Compose; others have no file."""
    (tmp_path / "s").touch()

    assert passes(judge_source("secret", "s", {"file": str(tmp_path / "s")}))
    assert passes(judge_source("config", "c", {"content": "x"}))
    assert not passes(judge_source("secret", "s", {"file": str(tmp_path / "none")}))
    assert not passes(judge_source("secret", "s", {"file": str(tmp_path)}))
    assert not passes(judge_source("secret", "s", {"external": True}))


def test_env_file_may_be_optional(tmp_path: Path) -> None:
    """A required one must be there."""
    assert passes(judge_env_file(tmp_path / "no", required=False))
    assert not passes(judge_env_file(tmp_path / "no", required=True))


def port(published: str, host_ip: str = "", protocol: str = "tcp") -> dict[str, Any]:
    """Return a `ports` entry."""
    return {
        "target": 80,
        "published": published,
        "host_ip": host_ip,
        "protocol": protocol,
    }


@pytest.mark.parametrize(
    ("one", "other", "good"),
    [
        (port("80"), port("81"), True),
        (port("80"), port("80"), False),
        (port("80"), port("80", protocol="udp"), True),
        (port("80", "127.0.0.1"), port("80", "127.0.0.2"), True),
        (port("80", "127.0.0.1"), port("80"), False),
        (port("80", "127.0.0.1"), port("80", "0.0.0.0"), False),
        (port("80", "0.0.0.0"), port("80", "::"), True),
        (port("80-90"), port("80-90"), True),
        (port(""), port(""), True),
    ],
)
def test_host_ports_collide(
    one: dict[str, Any], other: dict[str, Any], *, good: bool
) -> None:
    """By number, protocol and address."""
    stack = model(a={"ports": [one]}, b={"ports": [other]})

    assert passes(judge_ports(stack, "a")) is good
    assert passes(judge_ports(stack, "b")) is good


def test_replicas_need_as_many_host_ports() -> None:
    """One port is not enough for two containers."""
    two = {"replicas": 2}
    stack = model(
        a={"ports": [port("80")], "deploy": two},
        b={"ports": [port("81-82")], "deploy": two},
    )

    assert not passes(judge_ports(stack, "a"))
    assert passes(judge_ports(stack, "b"))


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("10.1.0.5", True),
        ("10.2.0.5", False),
        ("10.1.0.255", False),
        ("10.1.0.9", False),
    ],
)
def test_static_addresses_are_judged(address: str, *, good: bool) -> None:
    """In the range, not the broadcast address, and wanted by one service only."""
    stack = parse_config(
        json.dumps(
            {
                "services": {
                    "a": {"networks": {"n": {"ipv4_address": address}}},
                    "b": {"networks": {"n": {"ipv4_address": "10.1.0.9"}}},
                },
                "networks": {"n": {"ipam": {"config": [{"subnet": "10.1.0.0/24"}]}}},
            }
        )
    )

    found = judge_address(stack, "a", stack.services["a"].networks[0])

    assert passes(found) is good

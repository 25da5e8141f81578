"""What DISCOVERY asks of a file, and how it judges what was seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stackproof.check import Finding, Verdict
from stackproof.checks.attached import judge_attached, judge_network
from stackproof.checks.discovery import CHECKS
from stackproof.checks.isolation import (
    Door,
    Inside,
    door_ports,
    doors,
    judge_apart,
    judge_no_way_out,
    only_internal,
    outside,
)
from stackproof.checks.own_names import extra_hosts, judge_own_names
from stackproof.checks.ports import (
    Binding,
    bindings,
    elsewhere,
    in_range,
    judge_listens,
    judge_published,
    offered,
)
from stackproof.checks.reaching import written_services
from stackproof.checks.references import Reference, judge_reference, references
from stackproof.compose import Compose
from stackproof.contract.source import Contract
from stackproof.model import Port
from stackproof.parsing import parse_config
from stackproof.sight import (
    Errand,
    Listener,
    Reached,
    View,
    merged,
    parse_report,
    parse_view,
)
from stackproof.verify.container import Inspected, parse_inspected

ACCEPTED = Reached(outcome="accepted")
REFUSED = Reached(outcome="refused")
TIMEOUT = Reached(outcome="timeout")


def contract(document: dict[str, Any]) -> Contract:
    """A contract as `read_contract` would return it."""
    return Contract(
        compose=Compose(project="demo", files=()),
        document=document,
        model=parse_config(json.dumps(document)),
        written={Path("compose.yml"): document},
    )


def row(**attrs: Any) -> Inspected:
    """A running container."""
    return parse_inspected(
        {"Id": "1", "Name": "/demo-a-1", "State": {"Status": "running"}, **attrs}
    )


def listening(*ports: int, address: str = "0.0.0.0", protocol: str = "tcp") -> View:
    """A namespace in which some ports listen."""
    return View(
        listeners=tuple(
            Listener(protocol=protocol, address=address, port=port) for port in ports
        )
    )


DOCUMENT: dict[str, Any] = {
    "name": "demo",
    "services": {
        "db": {
            "networks": {"back": {"aliases": ["database"], "ipv4_address": "10.9.0.5"}},
            "expose": ["5432"],
            "hostname": "db-one",
        },
        "web": {
            "networks": {"front": None},
            "ports": [
                {"target": 80, "published": "8080", "protocol": "tcp"},
                {"target": 53, "published": "53", "protocol": "udp"},
            ],
            "environment": {"DB_HOST": "db", "LATER": "http://tracing:4317"},
        },
        "agent": {"network_mode": "host"},
    },
    "networks": {
        "back": {
            "name": "demo_back",
            "internal": True,
            "ipam": {"config": [{"subnet": "10.9.0.0/24"}]},
        },
        "front": {"name": "demo_front", "ipam": {}},
    },
}


def labels(check_id: str, document: dict[str, Any]) -> list[str]:
    """The labels of the claims of a check."""
    check = next(check for check in CHECKS if check.id == check_id)
    return [claim.label for claim in check.claims(contract(document))]


@pytest.mark.parametrize(
    ("check_id", "wanted"),
    [
        ("DISCOVERY-01", []),
        (
            "DISCOVERY-02",
            ["db in back", "web in front", "agent: host"],
        ),
        (
            "DISCOVERY-03",
            [
                "db accepts on 5432/tcp",
                "web accepts on 80/tcp",
                "web accepts on 53/udp",
            ],
        ),
        ("DISCOVERY-04", ["web *:8080->80/tcp", "web *:53->53/udp"]),
        (
            "DISCOVERY-05",
            ["web: DB_HOST names db", "web: LATER names tracing:4317"],
        ),
        ("DISCOVERY-06", ["db cannot reach web", "web cannot reach db"]),
        ("DISCOVERY-07", ["network back"]),
        ("DISCOVERY-08", ["network back", "network front"]),
        ("DISCOVERY-09", ["db: hostname"]),
    ],
)
def test_claims(check_id: str, wanted: list[str]) -> None:
    """What there is to prove follows from the file."""
    assert labels(check_id, DOCUMENT) == wanted


def test_labels_and_keys_are_unique_and_all_keys_are_accounted_for() -> None:
    """Every claim can be told from the others."""
    for check in CHECKS:
        claims = list(check.claims(contract(DOCUMENT)))
        assert len({claim.label for claim in claims}) == len(claims)
    keys = {
        (claim.subject.service, key)
        for check in CHECKS
        for claim in check.claims(contract(DOCUMENT))
        for key in claim.covered
    }
    assert {
        ("db", "networks.back.aliases"),
        ("db", "networks.back.ipv4_address"),
        ("db", "expose"),
        ("web", "networks.front"),
        ("web", "ports[0]"),
        ("agent", "network_mode"),
        (None, "networks.back.internal"),
        (None, "networks.back.ipam"),
    } <= keys


@pytest.mark.parametrize("services", [{}, {"a": {}}, {"a": {"network_mode": "bridge"}}])
def test_files_without_networks(services: dict[str, Any]) -> None:
    """Nothing to prove is no error."""
    document = {"name": "demo", "services": services}
    for check in CHECKS:
        assert len(list(check.claims(contract(document)))) <= 1


def test_a_service_behind_a_profile_is_no_typing_error() -> None:
    """A file's service that this run leaves out is known by its name."""
    written: list[dict[str, object]] = [
        {"services": {"tracing": {"profiles": ["debug"]}}},
        {"services": None},
    ]
    assert written_services(written) == {"tracing"}


# --------------------------------------------------------------------------- ports


def test_offered_ports_and_ranges() -> None:
    """A port is named once, and three neighbours are a range."""
    service = contract(
        {
            "name": "demo",
            "services": {
                "ftp": {
                    "ports": [
                        {"target": 21},
                        *({"target": 3000 + n} for n in range(3)),
                    ],
                    "expose": ["21", "9000-9001", "oops"],
                }
            },
        }
    ).model.services["ftp"]

    found = {str(port): port.keys for port in offered(service)}

    assert list(found) == ["21/tcp", "3000-3002/tcp", "9000/tcp", "9001/tcp"]
    assert found["21/tcp"] == ("ports[0].target", "ports[0].protocol", "expose")


PORT_80 = offered(
    contract({"services": {"a": {"expose": ["80"]}}}).model.services["a"]
)[0]


@pytest.mark.parametrize(
    ("view", "reached", "verdict", "says"),
    [
        (listening(80), {"b": {"10.0.0.2": ACCEPTED}}, Verdict.PASS, "from b"),
        (listening(80), {}, Verdict.PASS, "80/tcp is in use"),
        (listening(8000), {}, Verdict.FAIL, "it listens on 8000"),
        (View(), {"b": {"10.0.0.2": REFUSED}}, Verdict.FAIL, "nothing listens"),
        (
            listening(80, address="127.0.0.1"),
            {"b": {"10.0.0.2": REFUSED}},
            Verdict.FAIL,
            "127.0.0.1 only",
        ),
        (listening(80), {"b": {"10.0.0.2": TIMEOUT}}, Verdict.FAIL, "timeout from b"),
        (View(problem="gone"), {}, Verdict.UNKNOWN, ""),
    ],
)
def test_port_accepts(
    view: View,
    reached: Mapping[str, Mapping[str, Reached]],
    verdict: Verdict,
    says: str,
) -> None:
    """The message tells apart why a peer does not get through."""
    finding = judge_listens(PORT_80, view, reached)

    assert finding.verdict is verdict
    assert says in finding.observed


LOCAL = Port(target=80, published="8080", host_ip="127.0.0.1")


@pytest.mark.parametrize(
    ("bound", "reached", "listens", "verdict", "says"),
    [
        ([8080], {("127.0.0.1", 8080): ACCEPTED}, True, Verdict.PASS, "8080"),
        ([], {}, True, Verdict.FAIL, "not published"),
        ([8081], {}, True, Verdict.FAIL, "published as 8081"),
        ([8080], {("127.0.0.1", 8080): REFUSED}, True, Verdict.FAIL, "refused at"),
        (
            [8080],
            {("127.0.0.1", 8080): Reached(outcome="accepted", closed=True)},
            False,
            Verdict.FAIL,
            "ends every connection",
        ),
        (
            [8080],
            {("127.0.0.1", 8080): ACCEPTED, ("10.0.0.1", 8080): ACCEPTED},
            True,
            Verdict.FAIL,
            "also offered at 10.0.0.1",
        ),
        (
            [8080],
            {("127.0.0.1", 8080): ACCEPTED, ("10.0.0.1", 8080): REFUSED},
            True,
            Verdict.PASS,
            "offered at",
        ),
    ],
)
def test_published_port(
    bound: list[int],
    reached: Mapping[tuple[str, int], Reached],
    listens: bool,  # noqa: FBT001 - a parameter of the table
    verdict: Verdict,
    says: str,
) -> None:
    """The declared address accepts, and the others refuse."""
    finding = judge_published(
        LOCAL,
        [Binding(address="127.0.0.1", port=port) for port in bound],
        reached,
        forbidden=("10.0.0.1",),
        listens=listens,
    )

    assert finding.verdict is verdict
    assert says in finding.observed


def test_bindings_and_ranges() -> None:
    """The engine names all addresses in several ways."""
    rows = [{"HostIp": "0.0.0.0", "HostPort": "99"}, {"HostIp": "::", "HostPort": "99"}]
    attrs = {"NetworkSettings": {"Ports": {"80/tcp": rows, "81/tcp": None}}}

    assert len(bindings(attrs, Port(target=80))) == 2
    assert bindings(attrs, LOCAL) == ()
    assert bindings(attrs, Port(target=81)) == ()
    assert [in_range(99, given) for given in (None, "99", "90-99", "98", "x")] == [
        *(True, True, True, False, True),
    ]
    assert elsewhere(["10.0.0.1", "fe80::1"], "127.0.0.1") == ("10.0.0.1",)
    assert elsewhere(["10.0.0.1"], "") == ()


# --------------------------------------------------------------------- references


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("URL", "http://db:80/path?x=1", ["db:80"]),
        ("URL", "http://db", ["db:80"]),
        ("URL", "postgresql+asyncpg://u:p@db/app", ["db:5432"]),
        ("URL", "mongodb://db:27017,cache/app", ["db:27017", "cache:27017"]),
        ("URL", "http://tpyo:1", ["tpyo:1"]),
        ("URL", "udp://db:514", ["db"]),
        ("DB_HOST", "db", ["db"]),
        ("DB_HOST", "database", []),
        ("REDIS_ADDR", "cache:6379", ["cache:6379"]),
        ("CACHE_HOST", "cahce", ["cahce"]),
        ("MODE", "db", []),
        ("HOST", "0.0.0.0", []),
        ("URL", "http://localhost:80", []),
        ("URL", "http://example.org", []),
        ("URL", "http://10.0.0.1:80", []),
        ("URL", "http://[::1]:80", []),
        ("URL", "http://${HOST}/", []),
        ("URL", "http://*:80", []),
        ("URL", "http://+:80", []),
        ("URL", "s3://bucket/key", []),
        ("URL", "unix:///run/x.sock", []),
        ("URL", "sqlite:///x.db", []),
        ("URL", "jdbc:postgresql://db/app", []),
        ("URL", "http://{{ host }}/", []),
        ("URL", "http://off:4317", []),
        ("CORS_ORIGIN", "http://browser", []),
        ("CORS_ORIGIN", "http://db", ["db:80"]),
        ("EMPTY", None, []),
        ("NUMBER", 5, []),
    ],
)
def test_references(variable: str, value: object, found: list[str]) -> None:
    """A server's name is told from everything else that stands in variables."""
    known = {"db", "cache"}

    got = references({variable: value}, known, {"off"})

    assert [str(one) for one in got] == found


@pytest.mark.parametrize(
    ("addresses", "reached", "unshared", "verdict", "says"),
    [
        (("10.0.0.9",), {}, None, Verdict.PASS, ""),
        (("10.0.0.9",), {"10.0.0.9": ACCEPTED}, None, Verdict.PASS, ""),
        (("10.0.0.9",), {"10.0.0.9": REFUSED}, None, Verdict.FAIL, "correct the port"),
        ((), {}, None, Verdict.FAIL, "did you mean 'store'?"),
        ((), {}, "stroe", Verdict.FAIL, "shares no network"),
    ],
)
def test_reference(
    addresses: tuple[str, ...],
    reached: Mapping[str, Reached],
    unshared: str | None,
    verdict: Verdict,
    says: str,
) -> None:
    """A failure says what to correct."""
    finding = judge_reference(
        Reference(variable="URL", host="stroe", port=80),
        addresses,
        reached,
        names={"store", "web"},
        unshared=unshared,
    )

    assert finding.verdict is verdict
    assert says in finding.message


# ---------------------------------------------------------------------- isolation


def test_doors() -> None:
    """A declared port first, then any that listens, then a closed one."""
    assert door_ports(listening(80, 443), [443]) == (443,)
    assert door_ports(listening(80, 443), [9000]) == (80,)
    assert door_ports(listening(80, address="127.0.0.1"), [80]) == (9,)
    assert door_ports(View(problem="gone"), [80]) == ()
    control = {("10.0.0.2", 80): ACCEPTED, ("10.0.0.3", 80): TIMEOUT}
    assert doors(["10.0.0.2", "10.0.0.3", "10.0.0.4"], 80, control) == (
        Door(address="10.0.0.2", port=80, answer="accepted"),
    )


@pytest.mark.parametrize(
    ("answer", "got", "verdict"),
    [
        ("accepted", TIMEOUT, Verdict.PASS),
        ("accepted", Reached(outcome="unreachable"), Verdict.PASS),
        ("accepted", ACCEPTED, Verdict.FAIL),
        ("refused", REFUSED, Verdict.FAIL),
        ("refused", TIMEOUT, Verdict.PASS),
        (None, TIMEOUT, Verdict.UNKNOWN),
        ("accepted", None, Verdict.UNKNOWN),
    ],
)
def test_apart(answer: str | None, got: Reached | None, verdict: Verdict) -> None:
    """Silence proves something only where an answer was to be had."""
    knocked = (
        () if answer is None else (Door(address="1.2.3.4", port=80, answer=answer),)
    )
    reached = {} if got is None else {("1.2.3.4", 80): got}

    assert judge_apart("a", "b", knocked, reached).verdict is verdict


def inside(**changes: Any) -> Inside:
    """One service in an internal network, without a way out."""
    facts: dict[str, Any] = {
        "views": {"db": View()},
        "open_networks": {},
        "tried": {"db": Reached(outcome="unreachable")},
        "control": ACCEPTED,
        "subnets": ("10.9.0.0/24",),
    }
    return Inside(**{**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "marked", "verdict"),
    [
        ({}, True, Verdict.PASS),
        ({}, False, Verdict.FAIL),
        ({"open_networks": {"db": "bridge"}}, True, Verdict.FAIL),
        ({"tried": {"db": ACCEPTED}}, True, Verdict.FAIL),
        ({"control": REFUSED}, True, Verdict.UNKNOWN),
        ({"views": {"db": View(gateways=("10.9.0.1",))}}, True, Verdict.PASS),
        ({"views": {"db": View(gateways=("172.17.0.1",))}}, True, Verdict.FAIL),
        ({"views": {"db": View(problem="gone")}}, True, Verdict.UNKNOWN),
        ({"views": {}, "tried": {}}, True, Verdict.PASS),
    ],
)
def test_no_way_out(
    changes: dict[str, Any],
    marked: bool,  # noqa: FBT001 - a parameter of the table
    verdict: Verdict,
) -> None:
    """A route to the host's own end of the network is none."""
    assert judge_no_way_out("back", inside(**changes), marked=marked).verdict is verdict


def test_who_is_inside_and_where_to_listen() -> None:
    """Only addresses outside of the network prove something."""
    model = contract(DOCUMENT).model
    assert only_internal(model, "db")
    assert not only_internal(model, "web")
    assert not only_internal(model, "agent")
    addresses = ["fe80::1", "10.9.0.1", "172.17.0.1"]
    assert outside(addresses, ["10.9.0.0/24"]) == "172.17.0.1"
    assert outside(addresses[:2], ["10.9.0.0/24", "fd00::/64"]) is None


# ----------------------------------------------------------- networks and own names

PLACE: dict[str, Any] = {"Aliases": ["db", "database", "1a2b"], "IPAddress": "10.9.0.5"}


@pytest.mark.parametrize(
    ("networks", "says"),
    [
        ({"demo_back": PLACE}, None),
        (
            {
                "demo_back": {
                    **PLACE,
                    "IPAddress": "",
                    "IPAMConfig": {"IPv4Address": "10.9.0.5"},
                }
            },
            None,
        ),
        ({}, "not in demo_back"),
        ({"demo_back": PLACE, "bridge": {}}, "also in bridge"),
        ({"demo_back": {**PLACE, "Aliases": ["db"]}}, "alias database is missing"),
        ({"demo_back": {**PLACE, "IPAddress": "10.9.0.6"}}, "instead of 10.9.0.5"),
    ],
)
def test_attachment(networks: dict[str, Any], says: str | None) -> None:
    """A container's place in its networks is as declared."""
    model = contract(DOCUMENT).model

    finding = judge_attached(
        model.services["db"], model, row(NetworkSettings={"Networks": networks})
    )

    check(finding, says)


@pytest.mark.parametrize(
    ("mode", "got", "good"),
    [
        ("host", "host", True),
        ("none", "host", False),
        ("service:web", "container:abc", True),
        ("service:web", "demo_front", False),
        ("bridge", "default", True),
    ],
)
def test_network_mode(
    mode: str,
    got: str,
    good: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """The engine's network mode is the declared one."""
    model = contract({"services": {"a": {"network_mode": mode}}}).model

    finding = judge_attached(
        model.services["a"], model, row(HostConfig={"NetworkMode": got})
    )

    assert (finding.verdict is Verdict.PASS) is good


ENGINE: dict[str, Any] = {
    "Name": "demo_back",
    "Driver": "bridge",
    "Internal": True,
    "Options": {"mtu": "1400"},
    "Labels": {"a": "b"},
    "IPAM": {
        "Driver": "default",
        "Config": [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"}],
    },
}


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({}, None),
        ({"driver": "bridge", "internal": True, "driver_opts": {"mtu": 1400}}, None),
        (
            {"ipam": {"config": [{"subnet": "10.9.0.0/24", "gateway": "10.9.0.1"}]}},
            None,
        ),
        ({"external": True, "driver": "overlay"}, None),
        ({"driver": "macvlan"}, "driver is bridge"),
        ({"internal": False}, "internal is true"),
        ({"labels": {"a": "c"}}, "label a is b"),
        ({"driver_opts": {"mtu": "9000"}}, "mtu is 1400"),
        ({"ipam": {"driver": "other"}}, "ipam driver"),
        ({"ipam": {"config": [{"subnet": "10.8.0.0/24"}]}}, "address range is"),
        (
            {"ipam": {"config": [{"subnet": "10.9.0.0/24", "gateway": "10.9.0.9"}]}},
            "gateway of 10.9.0.0/24",
        ),
    ],
)
def test_network(declared: dict[str, Any], says: str | None) -> None:
    """A network is what the file declares, as far as it says something."""
    check(judge_network("back", declared, ENGINE), says)


def test_network_is_absent() -> None:
    """A network that does not exist is not as declared."""
    check(judge_network("back", {}, None), "no such network")


@pytest.mark.parametrize(
    ("service", "attrs", "hosts", "says"),
    [
        ({"hostname": "one"}, {"Config": {"Hostname": "one"}}, "", None),
        ({"hostname": "one"}, {"Config": {"Hostname": "two"}}, "", "hostname is 'two'"),
        ({"dns": ["9.9.9.9"]}, {"HostConfig": {"Dns": ["9.9.9.9"]}}, "", None),
        ({"dns": ["9.9.9.9"]}, {"HostConfig": {"Dns": None}}, "", "dns is not set"),
        (
            {"extra_hosts": ["old=10.0.0.1"]},
            {"HostConfig": {"ExtraHosts": ["old:10.0.0.1"]}},
            "10.0.0.1 old\n",
            None,
        ),
        (
            {"extra_hosts": ["old=10.0.0.1"]},
            {"HostConfig": {"ExtraHosts": ["old:10.0.0.1"]}},
            "127.0.0.1 x\n",
            "not in /etc/hosts",
        ),
        ({"extra_hosts": ["old=10.0.0.1"]}, {}, None, "extra host old is missing"),
        (
            {"mac_address": "02:42:AC:11:00:02"},
            {"Config": {"MacAddress": "02:42:ac:11:00:02"}},
            None,
            None,
        ),
    ],
)
def test_own_names(
    service: dict[str, Any],
    attrs: dict[str, Any],
    hosts: str | None,
    says: str | None,
) -> None:
    """What a container calls itself is what the file says."""
    declared = contract({"services": {"a": service}}).model.services["a"]

    check(judge_own_names(declared, row(**attrs), hosts), says)


def test_extra_hosts_in_all_spellings() -> None:
    """Old and new Compose print them in different ways."""
    assert extra_hosts(["a=1.2.3.4", "b:::1", "c=[::1]"]) == (
        ("a", "1.2.3.4"),
        ("b", "::1"),
        ("c", "::1"),
    )
    assert extra_hosts({"a": ["1.2.3.4", "1.2.3.5"]}) == (
        ("a", "1.2.3.4"),
        ("a", "1.2.3.5"),
    )
    assert extra_hosts(None) == ()


# --------------------------------------------------------------------------- sight


def test_errands_of_one_place_become_one() -> None:
    """Nothing is asked twice."""
    plans = [
        {"a": Errand(resolve=("x", "y"), connect=(("1.2.3.4", 80),))},
        {"a": Errand(resolve=("y",), listen="1.2.3.4"), "b": Errand()},
    ]
    assert merged(plans) == {
        "a": Errand(resolve=("x", "y"), connect=(("1.2.3.4", 80),), listen="1.2.3.4"),
        "b": Errand(),
    }


def test_answers_of_the_probe() -> None:
    """Views and reports are read from the probe's words."""
    view = parse_view(
        {
            "sockets": [{"protocol": "tcp", "address": "::", "port": 80}],
            "routes": [
                {
                    "destination": "0.0.0.0/0",
                    "gateway": "10.0.0.1",
                    "interface": "eth0",
                },
                {
                    "destination": "10.0.0.0/8",
                    "gateway": "0.0.0.0",
                    "interface": "eth0",
                },
            ],
        }
    )
    assert view.listening(80)
    assert view.gateways == ("10.0.0.1",)
    assert parse_view({"error": "gone"}).problem == "gone"
    report = parse_report(
        Errand(connect=(("1.2.3.4", 80),)),
        {
            "resolve": {"db": {"addresses": ["10.0.0.2"], "rcode": 0}},
            "connect": [{"outcome": "accepted", "closed": False}],
        },
    )
    assert report.resolved == {"db": ("10.0.0.2",)}
    assert report.reached == {("1.2.3.4", 80): ACCEPTED}


def check(finding: Finding, says: str | None) -> None:
    """Compare a finding with what it has to say; None stands for a pass."""
    if says is None:
        assert finding.verdict is Verdict.PASS, finding
    else:
        assert finding.verdict is Verdict.FAIL
        assert says in finding.observed

"""The parts of the network probe that read and write bytes, and the probe itself."""

from __future__ import annotations

import socket
import struct

import pytest

from stackproof.probes.network import visit_all
from stackproof.probes.queries import decode_answer, encode_query
from stackproof.probes.tables import (
    parse_addresses,
    parse_hosts,
    parse_resolv_conf,
    parse_routes,
    parse_sockets,
)

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt
   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000
   1: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000
   2: 0200000A:1F90 0300000A:C350 01 00000000:00000000 00:00000000 00000000
"""
TCP6 = """\
  sl  local_address                         remote_address st
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A
   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A
"""
ROUTE = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\n"
    "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\n"
)
ROUTE6 = (
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 ffffffff 1 0 00200200 lo\n"
    "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
    "00000000000000000000000000000000 00000100 1 0 00000001 eth0\n"
)
TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 172.17.0.0
        /16 link UNICAST
     |-- 172.17.0.2
        /32 host LOCAL
     |-- 172.17.255.255
        /32 link BROADCAST
"""


def test_sockets() -> None:
    """Listening sockets are kept, connections are not."""
    assert parse_sockets("tcp", TCP) == [
        {"protocol": "tcp", "address": "0.0.0.0", "port": 8080},
        {"protocol": "tcp", "address": "127.0.0.1", "port": 80},
    ]
    assert parse_sockets("tcp6", TCP6) == [
        {"protocol": "tcp", "address": "::", "port": 8080},
        {"protocol": "tcp", "address": "::1", "port": 80},
    ]
    assert parse_sockets("udp", "") == []


def test_routes() -> None:
    """Both families, without loopback."""
    assert parse_routes(ROUTE, ROUTE6) == [
        {"destination": "0.0.0.0/0", "gateway": "172.17.0.1", "interface": "eth0"},
        {"destination": "172.17.0.0/16", "gateway": "0.0.0.0", "interface": "eth0"},
        {"destination": "fe80::/64", "gateway": "::", "interface": "eth0"},
    ]


def test_addresses() -> None:
    """Local ones without loopback, each once."""
    six = "fe800000000000000042acfffe110002 05 40 20 80 eth0\n"

    assert parse_addresses(TRIE + TRIE, six) == ["172.17.0.2", "fe80::42:acff:fe11:2"]


def test_files() -> None:
    """The hosts file and the list of name servers."""
    hosts = "127.0.0.1 localhost  # self\n10.0.0.9\tDB db.local\n\n"
    conf = "search a.example b.example\nnameserver 127.0.0.11\noptions ndots:0\n"

    assert parse_hosts(hosts) == {
        "localhost": ["127.0.0.1"],
        "db": ["10.0.0.9"],
        "db.local": ["10.0.0.9"],
    }
    assert parse_resolv_conf(conf) == (["127.0.0.11"], ["a.example", "b.example"])


def test_question_and_answer() -> None:
    """An answer with a pointer to the name, an alias and an address."""
    query = encode_query(7, "db", 1)
    assert query[12:] == b"\x02db\x00\x00\x01\x00\x01"

    header = struct.pack("!6H", 7, 0x8180, 1, 2, 0, 0)
    alias = b"\xc0\x0c" + struct.pack("!2HIH", 5, 1, 60, 4) + b"\x02pg\x00"
    address = b"\xc0\x0c" + struct.pack("!2HIH", 1, 1, 60, 4) + bytes([10, 0, 0, 9])
    message = header + query[12:] + alias + address

    assert decode_answer(7, message) == (0, ["10.0.0.9"])
    with pytest.raises(ValueError, match="another question"):
        decode_answer(8, message)


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64])
def test_what_is_no_name(name: str) -> None:
    """It cannot be asked for."""
    with pytest.raises(ValueError, match=r"no name|label"):
        encode_query(1, name, 1)


def test_connections_of_this_process() -> None:
    """An open port, a closed one, and one whose server hangs up."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as unused,
    ):
        port, closed = server.getsockname()[1], unused.getsockname()[1]
        unused.close()
        targets = [
            {"address": "127.0.0.1", "port": port},
            {"address": "127.0.0.1", "port": closed},
        ]
        answer = visit_all(
            {"visits": [{"pid": 10**9}, {"pid": 0, "connect": targets}], "linger": 0.01}
        )

    gone, here = answer["visits"]
    assert "error" in gone
    # Entering a namespace needs root; without it the visit says so.
    if "error" not in here:
        outcomes = [row["outcome"] for row in here["connect"]]
        assert outcomes == ["accepted", "refused"]

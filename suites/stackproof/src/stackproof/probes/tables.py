"""The kernel's tables of a network namespace, and two files beside them (pure)."""

from __future__ import annotations

import sys
from ipaddress import ip_address, ip_network
from typing import Any

LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}


def parse_sockets(name: str, text: str) -> list[dict[str, Any]]:
    """Return what listens, from /proc/net/tcp and its like (pure)."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 4 or fields[3] != LISTENING[name]:
            continue
        address, _, port = fields[1].partition(":")
        found.append(
            {
                "protocol": name.rstrip("6"),
                "address": _hex_address(address),
                "port": int(port, 16),
            }
        )
    return found


def parse_addresses(fib_trie: str, if_inet6: str) -> list[str]:
    """Return the addresses of a namespace without loopback (pure)."""
    found = []
    last = ""
    for line in fib_trie.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in {"|--", "+--"}:
            last = words[1].partition("/")[0]
        elif "host" in words and "LOCAL" in words:
            found.append(last)
    for line in if_inet6.splitlines():
        words = line.split()
        if words and len(words[0]) == 32:
            found.append(str(ip_address(int(words[0], 16).to_bytes(16, "big"))))
    return [
        address
        for address in dict.fromkeys(found)
        if not ip_address(address).is_loopback
    ]


def parse_routes(route: str, ipv6_route: str) -> list[dict[str, str]]:
    """Return the routes of a namespace, those of loopback left out (pure)."""
    found = []
    for line in route.splitlines()[1:]:
        words = line.split()
        if len(words) > 7:
            mask = _hex_address(words[7])
            target = ip_network(f"{_hex_address(words[1])}/{mask}", strict=False)
            found.append(_route(str(target), _hex_address(words[2]), words[0]))
    for line in ipv6_route.splitlines():
        words = line.split()
        if len(words) > 9 and words[9] != "lo":
            start = ip_address(int(words[0], 16).to_bytes(16, "big"))
            gateway = ip_address(int(words[4], 16).to_bytes(16, "big"))
            prefix = int(words[1], 16)
            found.append(_route(f"{start}/{prefix}", str(gateway), words[9]))
    return found


def _route(destination: str, gateway: str, interface: str) -> dict[str, str]:
    return {"destination": destination, "gateway": gateway, "interface": interface}


def parse_hosts(text: str) -> dict[str, list[str]]:
    """Return name to addresses of a hosts file, names in lower case (pure)."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        for name in words[1:]:
            found.setdefault(name.lower(), []).append(words[0])
    return found


def parse_resolv_conf(text: str) -> tuple[list[str], list[str]]:
    """Return the name servers and the search domains (pure)."""
    servers: list[str] = []
    search: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            servers.append(words[1].partition("%")[0])
        elif words and words[0] == "search":
            search = [word for word in words[1:] if word != "."]
    return servers, search


def _hex_address(text: str) -> str:
    raw = bytes.fromhex(text)
    words = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    if sys.byteorder == "little":
        words = [word[::-1] for word in words]
    plain = ip_address(b"".join(words))
    mapped = getattr(plain, "ipv4_mapped", None)
    return str(mapped or plain)

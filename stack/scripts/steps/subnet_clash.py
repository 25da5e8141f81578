"""Print which network SUBNET overlaps with and exit 1; exit 0 if it is free.

Usage: subnet_clash.py SUBNET OWN_NETWORK. The network OWN_NETWORK is the stack's
own and does not count.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def output(*command: str) -> str:
    """Return what *command* prints, or nothing where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def docker_networks() -> dict[str, list[Network]]:
    """Return the subnets of the engine's networks by network name."""
    ids = output("docker", "network", "ls", "--quiet").split()
    if not ids:
        return {}
    found: dict[str, list[Network]] = {}
    for network in json.loads(output("docker", "network", "inspect", *ids) or "[]"):
        configs = (network.get("IPAM") or {}).get("Config") or []
        found[network["Name"]] = [
            ipaddress.ip_network(config["Subnet"])
            for config in configs
            if config.get("Subnet")
        ]
    return found


def host_routes() -> list[Network]:
    """Return the networks that the host has a route to, the default one left out."""
    routes = json.loads(output("ip", "-json", "route", "show") or "[]")
    return [
        ipaddress.ip_network(route["dst"], strict=False)
        for route in routes
        if route.get("dst", "default") != "default"
    ]


def overlap(one: Network, other: Network) -> bool:
    """Tell whether two networks, of whatever version, share an address."""
    return one.version == other.version and one.overlaps(other)


def main(subnet: str, own: str) -> str | None:
    """Return the sentence that names the clash, or nothing."""
    try:
        wanted = ipaddress.ip_network(subnet)
    except ValueError as error:
        return f"STACK_SUBNET={subnet} is no network ({error})"
    networks = docker_networks()
    ours = networks.pop(own, [])
    for name, subnets in networks.items():
        if any(overlap(wanted, subnet) for subnet in subnets):
            return f"subnet {wanted} overlaps the docker network {name}"
    dockers = [net for subnets in networks.values() for net in subnets] + ours
    for route in host_routes():
        if route not in dockers and overlap(wanted, route):
            return f"subnet {wanted} overlaps the host's route {route}"
    return None


if __name__ == "__main__":
    clash = main(sys.argv[1], sys.argv[2])
    if clash:
        sys.exit(f"{clash}")

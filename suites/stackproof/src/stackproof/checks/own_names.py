"""Judge a container's own names, and the servers and hosts it was given (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..check import Finding, failed, passed
from ..model import Service
from ..verify.container import Inspected

KEYS = (
    "dns",
    "dns_opt",
    "dns_search",
    "domainname",
    "external_links",
    "extra_hosts",
    "hostname",
    "links",
    "mac_address",
)
_HERE = frozenset({"host-gateway"})


def extra_hosts(declared: object) -> tuple[tuple[str, str], ...]:
    """Return name and address of each `extra_hosts` entry, in any of its spellings."""
    found: list[tuple[str, str]] = []
    if isinstance(declared, Mapping):
        for name, value in declared.items():
            values = value if isinstance(value, list) else [value]
            found += [(str(name), str(one)) for one in values]
    elif isinstance(declared, list):
        for entry in declared:
            text = str(entry)
            separator = "=" if "=" in text else ":"
            name, _, address = text.partition(separator)
            found.append((name, address))
    return tuple((name, address.strip("[]")) for name, address in found)


def judge_own_names(service: Service, row: Inspected, hosts: str | None) -> Finding:
    """Judge names, name servers and hosts of a container; its own name is for OPS-05.

    Args:
        service: what is declared, in the configuration that runs.
        row: the container.
        hosts: its hosts file; None where it could not be read.
    """
    problems = list(_problems(service, row, hosts))
    if problems:
        return failed(
            "; ".join(problems),
            "The container was made with other settings: make it again with `docker "
            "compose up --force-recreate`.",
        )
    told = [key for key in KEYS if service.declares(key)]
    return passed(f"as declared: {', '.join(told)}" if told else "as declared")


def _problems(service: Service, row: Inspected, hosts: str | None) -> Iterator[str]:
    config, host = row.config, row.host_config
    for key, got in (
        ("hostname", config.get("Hostname")),
        ("domainname", config.get("Domainname")),
    ):
        wanted = service.declares(key)
        if wanted and str(wanted) != got:
            yield f"{key} is {got!r} instead of {str(wanted)!r}"
    address = service.declares("mac_address")
    macs = {str(config.get("MacAddress") or "").lower()} | {
        str(place.get("MacAddress") or "").lower() for place in row.networks.values()
    }
    # With several networks, releases of Compose differ in where they put it.
    single = row.running and len(row.networks) < 2
    if address and single and str(address).lower() not in macs:
        yield f"mac_address is not {address}"
    for key, engine in (
        ("dns", "Dns"),
        ("dns_search", "DnsSearch"),
        ("dns_opt", "DnsOptions"),
    ):
        wanted = _list(service.declares(key))
        got = _list(host.get(engine))
        if wanted and wanted != got:
            have = ", ".join(got) or "not set"
            yield f"{key} is {have} instead of {', '.join(wanted)}"
    yield from _host_problems(service, row, hosts)


def _host_problems(
    service: Service, row: Inspected, hosts: str | None
) -> Iterator[str]:
    given = {
        tuple(str(e).partition(":")[::2])
        for e in row.host_config.get("ExtraHosts") or ()
    }
    lines = [line.partition("#")[0].split() for line in (hosts or "").splitlines()]
    for name, address in extra_hosts(service.declares("extra_hosts")):
        if (name, address) not in given and (name, f"[{address}]") not in given:
            yield f"extra host {name} is missing"
        elif hosts and not any(
            name in words[1:] and (address in _HERE or words[0] == address)
            for words in lines
            if words
        ):
            yield f"extra host {name} is not in /etc/hosts"


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]

"""Judge the engine's networks and each container's place in them (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from ..check import Finding, failed, passed
from ..model import Service, StackModel
from ..names import names_on
from ..verify.container import Inspected

_AGAIN = "make it again with `docker compose up`"


def judge_attached(service: Service, model: StackModel, row: Inspected) -> Finding:
    """Judge whether a container is in its declared networks, and in no others."""
    mode = service.network_mode
    if mode is not None:
        return _judge_mode(mode, model, row)
    declared = service.declares("networks")
    options = declared if isinstance(declared, Mapping) else {}
    wanted = {}
    for attachment in service.networks:
        network = model.networks.get(attachment.network)
        if network is None:
            continue
        wanted[network.engine_name] = attachment.network
        place = row.networks.get(network.engine_name)
        if place is None:
            return failed(
                f"not in {network.engine_name}",
                f"The container is not connected to {attachment.network}: {_AGAIN}.",
            )
        problem = _place_problem(
            service, attachment.network, options.get(attachment.network) or {}, place
        )
        if problem:
            return failed(
                f"{attachment.network}: {problem}",
                f"Its place in the network is not as declared: {_AGAIN}.",
            )
    extra = sorted(set(row.networks) - set(wanted))
    if extra:
        return failed(
            f"also in {', '.join(extra)}",
            "The file does not connect it there, so somebody did by hand: declare it, "
            f"or `docker network disconnect {extra[0]} {row.name}`.",
        )
    return passed(f"in {', '.join(sorted(wanted.values()))}", networks=len(wanted))


def _place_problem(
    service: Service, network: str, options: Mapping[str, Any], place: Mapping[str, Any]
) -> str | None:
    # Up to engine 24 Compose's names are in Aliases; newer ones also list DNSNames.
    known = {
        str(name) for key in ("Aliases", "DNSNames") for name in place.get(key) or ()
    }
    fixed = service.declares("container_name")
    missing = [
        name
        for name in names_on(service, network)
        if name not in known and name != fixed
    ]
    if missing:
        return f"the alias {missing[0]} is missing"
    asked = place.get("IPAMConfig") or {}
    for key, config, now in (
        ("ipv4_address", "IPv4Address", "IPAddress"),
        ("ipv6_address", "IPv6Address", "GlobalIPv6Address"),
    ):
        wanted = options.get(key)
        got = place.get(now) or asked.get(config)
        if wanted and not _same_address(str(wanted), str(got or "")):
            return f"{key} is {got or 'not set'} instead of {wanted}"
    local = set(options.get("link_local_ips") or ()) - set(
        asked.get("LinkLocalIPs") or ()
    )
    if local:
        return f"link-local address {min(local)} is missing"
    wanted = options.get("mac_address") or service.declares("mac_address")
    got = place.get("MacAddress")
    if options.get("mac_address") and got and str(wanted).lower() != str(got).lower():
        return f"mac_address is {got} instead of {wanted}"
    wrong = _differs(options.get("driver_opts"), place.get("DriverOpts"))
    return f"driver option {wrong}" if wrong else None


def _judge_mode(mode: str, model: StackModel, row: Inspected) -> Finding:
    got = str(row.host_config.get("NetworkMode") or "")
    kind, colon, name = mode.partition(":")
    shares = kind in {"service", "container"} and colon
    good = got.startswith("container:") if shares else got == mode
    if kind == "container" and shares:
        good = good and bool(name)
    if mode in {"bridge", "default"}:
        good = got in {"bridge", "default"}
    if not good and mode in model.networks:
        good = got == model.networks[mode].engine_name
    if not good:
        return failed(
            f"network mode {got}", f"The file says {mode}: {_AGAIN} (--force-recreate)."
        )
    return passed(f"network mode {got}")


def judge_network(
    name: str, declared: Mapping[str, Any], attrs: Mapping[str, Any] | None
) -> Finding:
    """Judge whether the engine's network is what the file declares.

    Args:
        name: key in the file.
        declared: that part of the document that runs.
        attrs: what the engine says of it, or None where there is none.
    """
    if attrs is None:
        return failed(
            "no such network",
            f"The engine has no network {declared.get('name', name)}: run `docker "
            "compose up`, or make it where it is external.",
        )
    if declared.get("external"):
        return passed(f"{attrs.get('Name')} exists")
    problem = _network_problem(declared, attrs)
    if problem:
        return failed(
            problem,
            f"The network {name} was made before the file said so, or by hand: remove "
            "it with `docker compose down` and run `docker compose up`.",
        )
    ranges = [str(row.get("Subnet")) for row in _ipam(attrs)]
    return passed(f"{attrs.get('Driver')} {' '.join(ranges)}".strip())


def _network_problem(
    declared: Mapping[str, Any], attrs: Mapping[str, Any]
) -> str | None:
    driver = declared.get("driver")
    if driver and driver not in {"default", attrs.get("Driver")}:
        return f"driver is {attrs.get('Driver')} instead of {driver}"
    for key, engine in (
        ("internal", "Internal"),
        ("attachable", "Attachable"),
        ("enable_ipv6", "EnableIPv6"),
        ("enable_ipv4", "EnableIPv4"),
    ):
        wanted, got = declared.get(key), attrs.get(engine)
        # Below a driver's defaults nothing else is visible than true and false.
        if wanted is not None and got is not None and bool(wanted) != bool(got):
            return f"{key} is {str(bool(got)).lower()}"
    wrong = _differs(declared.get("driver_opts"), attrs.get("Options"))
    if wrong:
        return f"driver option {wrong}"
    wrong = _differs(declared.get("labels"), attrs.get("Labels"))
    if wrong:
        return f"label {wrong}"
    ipam = declared.get("ipam") or {}
    wanted = ipam.get("driver")
    got = (attrs.get("IPAM") or {}).get("Driver")
    if wanted and wanted != got:
        return f"ipam driver is {got} instead of {wanted}"
    return _range_problem(ipam, attrs)


def _range_problem(ipam: Mapping[str, Any], attrs: Mapping[str, Any]) -> str | None:
    rows = _ipam(attrs)
    for entry in ipam.get("config") or ():
        subnet = (entry or {}).get("subnet")
        if not subnet:
            continue
        row = next((r for r in rows if _same_range(r.get("Subnet"), subnet)), None)
        if row is None:
            have = ", ".join(str(r.get("Subnet")) for r in rows) or "none"
            return f"address range is {have} instead of {subnet}"
        for key, engine in (("gateway", "Gateway"), ("ip_range", "IPRange")):
            wanted, got = entry.get(key), row.get(engine)
            if wanted and str(wanted).partition("/")[0] != str(got).partition("/")[0]:
                return f"{key} of {subnet} is {got or 'not set'} instead of {wanted}"
        wrong = _differs(entry.get("aux_addresses"), row.get("AuxiliaryAddresses"))
        if wrong:
            return f"reserved address {wrong}"
    return None


def _ipam(attrs: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((attrs.get("IPAM") or {}).get("Config") or ())


def _differs(wanted: object, got: object) -> str | None:
    if not isinstance(wanted, Mapping):
        return None
    have = got if isinstance(got, Mapping) else {}
    for name, value in wanted.items():
        text = "" if value is None else str(value)
        if str(have.get(name, "")).lower() != text.lower():
            return f"{name} is {have.get(name, 'not set')} instead of {text}"
    return None


def _same_range(one: object, other: object) -> bool:
    try:
        return ip_network(str(one), strict=False) == ip_network(
            str(other), strict=False
        )
    except ValueError:
        return False


def _same_address(one: str, other: str) -> bool:
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False

"""Compare what a service declares with what its container was made of (pure).

Each aspect takes the declared service, the inspect document and the image's, and says
how they differ. Values of variables are never quoted: they may be secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..model import Service
from .made import Compare, Made, listed
from .made_image import (
    compare_command,
    compare_entrypoint,
    compare_environment,
    compare_image,
    compare_labels,
    compare_platform,
)
from .made_mounts import compare_mounts, compare_volumes_from
from .made_networks import (
    compare_extra_hosts,
    compare_links,
    compare_mac,
    compare_network_mode,
    compare_networks,
    compare_ports,
)
from .spelling import pairs, plain, unescape


def _logging(service: Service, made: Made) -> list[str]:
    has = made.host.get("LogConfig") or {}
    found = []
    driver = service.declares("logging.driver")
    if driver and has.get("Type") != driver:
        found.append(f"log driver is {has.get('Type')}, declared is {driver}")
    options = has.get("Config") or {}
    for name, value in (service.declares("logging.options") or {}).items():
        if options.get(name) != unescape(str(value)):
            found.append(f"log option {name} is not as declared")
    return found


def _sysctls(service: Service, made: Made) -> list[str]:
    has = made.host.get("Sysctls") or {}
    return [
        f"sysctl {name} is not as declared"
        for name, value in pairs(service.declared.get("sysctls")).items()
        if has.get(name) != value
    ]


def _flag(key: str, read: Callable[[Made], object]) -> Compare:
    def compare(service: Service, made: Made) -> list[str]:
        wanted, has = bool(service.declared.get(key)), bool(read(made))
        return [] if wanted is has else [f"{key} is {has}, declared is {wanted}"]

    return compare


def _text(key: str, read: Callable[[Made], object]) -> Compare:
    def compare(service: Service, made: Made) -> list[str]:
        wanted, has = unescape(str(service.declared[key])), str(read(made) or "")
        if plain(has) == plain(wanted):
            return []
        return [f"{key} is {has or 'not set'}, declared is {wanted}"]

    return compare


def _rows(key: str, field_: str) -> Compare:
    def compare(service: Service, made: Made) -> list[str]:
        has = [str(row) for row in made.host.get(field_) or ()]
        missing = [row for row in listed(service, key) if row not in has]
        return [f"{key}: {row} is missing" for row in missing]

    return compare


ASPECTS: Mapping[str, tuple[tuple[str, ...], Compare]] = {
    "image": (("image",), compare_image),
    "platform": (("platform",), compare_platform),
    "command": (("command",), compare_command),
    "entrypoint": (("entrypoint",), compare_entrypoint),
    "environment": (("environment",), compare_environment),
    "labels": (("labels",), compare_labels),
    "mounts": (("volumes", "tmpfs"), compare_mounts),
    "networks": (("networks",), compare_networks),
    "network_mode": (("network_mode",), compare_network_mode),
    "ports": (("ports",), compare_ports),
    "logging": (("logging",), _logging),
    "extra_hosts": (("extra_hosts",), compare_extra_hosts),
    "sysctls": (("sysctls",), _sysctls),
    "links": (("links", "external_links"), compare_links),
    "volumes_from": (("volumes_from",), compare_volumes_from),
    "dns": (("dns",), _rows("dns", "Dns")),
    "dns_search": (("dns_search",), _rows("dns_search", "DnsSearch")),
    "dns_opt": (("dns_opt",), _rows("dns_opt", "DnsOptions")),
    "device_cgroup_rules": (
        ("device_cgroup_rules",),
        _rows("device_cgroup_rules", "DeviceCgroupRules"),
    ),
    "hostname": (("hostname",), _text("hostname", lambda m: m.config.get("Hostname"))),
    "domainname": (
        ("domainname",),
        _text("domainname", lambda m: m.config.get("Domainname")),
    ),
    "working_dir": (
        ("working_dir",),
        _text("working_dir", lambda m: m.config.get("WorkingDir")),
    ),
    "mac_address": (("mac_address",), compare_mac),
    "runtime": (("runtime",), _text("runtime", lambda m: m.host.get("Runtime"))),
    "cgroup_parent": (
        ("cgroup_parent",),
        _text("cgroup_parent", lambda m: m.host.get("CgroupParent")),
    ),
    "init": (("init",), _flag("init", lambda m: m.host.get("Init"))),
    "tty": (("tty",), _flag("tty", lambda m: m.config.get("Tty"))),
    "stdin_open": (
        ("stdin_open",),
        _flag("stdin_open", lambda m: m.config.get("OpenStdin")),
    ),
    "oom_kill_disable": (
        ("oom_kill_disable",),
        _flag("oom_kill_disable", lambda m: m.host.get("OomKillDisable")),
    ),
}
"""Name of the aspect to its keys below the service, and how to compare."""
ALWAYS = ("image", "command", "entrypoint", "environment", "mounts", "networks")
"""Aspects that a service has also where it declares nothing about them."""


def aspects_of(service: Service) -> tuple[str, ...]:
    """Return the aspects that there is something to compare in."""
    declared = {
        key
        for key, value in service.declared.items()
        if value is not None and value not in ([], {}, "")
    }
    if service.network_mode:
        declared |= {"network_mode"}
    return tuple(
        name
        for name, (keys, _) in ASPECTS.items()
        if declared & set(keys)
        or (name in ALWAYS and not (name == "networks" and service.network_mode))
    )


def differences(aspect: str, service: Service, made: Made) -> tuple[str, ...]:
    """Return how a container differs from its service in one aspect."""
    return tuple(ASPECTS[aspect][1](service, made))


def join(found: Iterable[str], most: int = 6) -> str:
    """Return a few differences as one phrase."""
    rows = list(dict.fromkeys(found))
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return "; ".join(rows[:most]) + more

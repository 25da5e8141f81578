"""Compare what a service declares with what its container was made of (pure).

Each aspect takes the declared service, the inspect document and the image's, and says
how they differ. Values of variables are never quoted: they may be secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model import Service
from .spelling import (
    folder,
    full_name,
    host_entry,
    in_range,
    pairs,
    plain,
    same_host,
    same_path,
    target_of,
    unescape,
    words,
)

_LABEL = "com.docker.compose."
_PROXIES = frozenset(
    name
    for plain in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
    for name in (plain, plain.upper())
)
_GIVEN = _PROXIES | {"PATH", "HOSTNAME", "HOME", "TERM"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One container and what it was made from.

    Attributes:
        attrs: inspect document of the container.
        image: inspect document of its image; empty where the image is gone.
        tagged: id of the image that its name means now; None where that is of no
            interest.
        wanted_image: name of the image that the service has, also without `image`.
        networks: name in the file to the engine's name.
        volumes: name in the file to the engine's name.
    """

    attrs: Mapping[str, Any]
    image: Mapping[str, Any] = field(default_factory=dict)
    tagged: str | None = None
    wanted_image: str = ""
    networks: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Mapping[str, Any]:
        """What the engine hands on to the process."""
        return self.attrs.get("Config") or {}

    @property
    def host(self) -> Mapping[str, Any]:
        """What the engine enforces."""
        return self.attrs.get("HostConfig") or {}

    @property
    def of_image(self) -> Mapping[str, Any]:
        """What the image brings."""
        return self.image.get("Config") or {}


Compare = Callable[[Service, Made], list[str]]


def _image(service: Service, made: Made) -> list[str]:
    found = []
    named = str(made.config.get("Image") or "")
    if made.wanted_image and full_name(named) != full_name(made.wanted_image):
        found.append(f"was made from {named}, declared is {made.wanted_image}")
    elif made.tagged and made.tagged != made.attrs.get("Image"):
        found.append(f"runs an older image than the one that {named} names now")
    wanted = service.image.partition("@")[2]
    digests = made.image.get("RepoDigests") or ()
    if wanted and digests and not any(d.endswith(f"@{wanted}") for d in digests):
        found.append(f"the image has not the declared digest {wanted}")
    return found


def _platform(service: Service, made: Made) -> list[str]:
    if not made.image:
        return []
    parts = str(service.declared["platform"]).lower().split("/")
    has = (str(made.image.get("Os")), str(made.image.get("Architecture")))
    names = {"x86_64": "amd64", "aarch64": "arm64", "armhf": "arm"}
    wanted = [names.get(part, part) for part in parts[:2]]
    if all(part in has for part in wanted):
        return []
    return [f"the image is for {'/'.join(has)}, declared is {'/'.join(parts)}"]


def _command(service: Service, made: Made) -> list[str]:
    declared = words(service.declared.get("command"))
    if not declared:
        own = words(service.declared.get("entrypoint"))
        declared = [] if own else list(made.of_image.get("Cmd") or ())
        if not made.image:
            return []
    has = list(made.config.get("Cmd") or ())
    return [] if has == declared else ["the command differs"]


def _entrypoint(service: Service, made: Made) -> list[str]:
    declared = words(service.declared.get("entrypoint"))
    if declared is None or declared in ([], [""]):
        if not made.image or declared is not None:
            return []
        declared = list(made.of_image.get("Entrypoint") or ())
    has = list(made.config.get("Entrypoint") or ())
    return [] if has == declared else ["the entrypoint differs"]


def _environment(service: Service, made: Made) -> list[str]:
    declared = pairs(service.declared.get("environment"))
    has = pairs(made.config.get("Env") or ())
    given = pairs(made.of_image.get("Env") or ())
    found = []
    for name, value in declared.items():
        if value is None:
            continue
        if name not in has:
            found.append(f"{name} is missing")
        elif has[name] != value:
            found.append(f"{name} has another value")
    if made.image:
        extra = set(has) - set(declared) - set(given) - _GIVEN
        found += [f"{name} is not in the file" for name in sorted(extra)]
    return found


def _labels(service: Service, made: Made) -> list[str]:
    has = made.config.get("Labels") or {}
    return [
        f"label {name} differs" if name in has else f"label {name} is missing"
        for name, value in pairs(service.declared.get("labels")).items()
        if not name.startswith(_LABEL) and has.get(name) != (value or "")
    ]


def _mounts(service: Service, made: Made) -> list[str]:
    has = {row["Destination"]: row for row in made.attrs.get("Mounts") or ()}
    memory = made.host.get("Tmpfs") or {}
    found = []
    known: set[str] = set()
    for mount in service.mounts:
        target = folder(mount.target)
        known.add(target)
        row = has.get(target) or has.get(mount.target)
        if mount.kind == "tmpfs":
            if row is None and not {target, mount.target} & set(memory):
                found.append(f"nothing is mounted on {target}")
            continue
        if row is None:
            found.append(f"nothing is mounted on {target}")
            continue
        if row.get("Type") != mount.kind:
            found.append(f"{target} is a {row.get('Type')}, declared is {mount.kind}")
        elif mount.kind == "volume" and mount.source:
            wanted = made.volumes.get(mount.source, mount.source)
            if row.get("Name") != wanted:
                found.append(f"{target} holds volume {row.get('Name')}, not {wanted}")
        elif (
            mount.kind == "bind"
            and mount.source
            and not same_path(str(row.get("Source")), mount.source)
        ):
            found.append(f"{target} is another path of the host than declared")
        if mount.kind in {"bind", "volume"} and bool(row.get("RW")) is mount.read_only:
            is_ = "read-only" if mount.read_only else "writable"
            found.append(f"{target} is declared {is_} and is not")
    given = {folder(path) for path in made.of_image.get("Volumes") or {}}
    granted = {_granted(e, "secrets") for e in service.declared.get("secrets") or ()}
    granted |= {_granted(e, "configs") for e in service.declared.get("configs") or ()}
    if made.image and not service.declares("volumes_from"):
        socket = {"/var/run/docker.sock"} if service.declares("use_api_socket") else ()
        extra = set(map(folder, has)) - known - given - granted - set(socket)
        found += [f"{path} is mounted and not in the file" for path in sorted(extra)]
    return found


def _networks(service: Service, made: Made) -> list[str]:
    has = (made.attrs.get("NetworkSettings") or {}).get("Networks") or {}
    wanted = {made.networks.get(a.network, a.network): a for a in service.networks}
    found = [f"is not in network {name}" for name in wanted if name not in has]
    found += [f"is in network {name} too" for name in has if name not in wanted]
    for name, place in wanted.items():
        entry = has.get(name) or {}
        missing = set(place.aliases) - set(entry.get("Aliases") or ())
        found += [f"has no alias {alias} in {name}" for alias in sorted(missing)]
        config = entry.get("IPAMConfig") or {}
        for address, key in ((place.ipv4, "IPv4Address"), (place.ipv6, "IPv6Address")):
            if address and entry and config.get(key) != address:
                found.append(f"has not the address {address} in {name}")
    return found


def _network_mode(service: Service, made: Made) -> list[str]:
    declared = service.network_mode or ""
    has = str(made.host.get("NetworkMode") or "")
    if declared.startswith(("service:", "container:")):
        good = has.startswith("container:")
    else:
        good = has == declared or {has, declared} <= {"default", "bridge"}
    return [] if good else [f"network mode is {has}, declared is {declared}"]


def _ports(service: Service, made: Made) -> list[str]:
    has = made.host.get("PortBindings") or {}
    found = []
    for port in service.ports:
        rows = has.get(f"{port.target}/{port.protocol}") or ()
        if not any(
            same_host(str(row.get("HostIp") or ""), port.host_ip)
            and in_range(str(row.get("HostPort") or ""), port.published)
            for row in rows
        ):
            found.append(f"port {port} is not published so")
    declared = {f"{port.target}/{port.protocol}" for port in service.ports}
    found += [f"port {p} is published too" for p in has if p not in declared]
    return found


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


def _extra_hosts(service: Service, made: Made) -> list[str]:
    declared = service.declared.get("extra_hosts")
    if isinstance(declared, Mapping):
        rows = [
            f"{name}:{address}"
            for name, value in declared.items()
            for address in (value if isinstance(value, list) else [value])
        ]
    else:
        rows = [str(row) for row in declared or ()]
    wanted = {host_entry(row) for row in rows}
    has = {host_entry(str(row)) for row in made.host.get("ExtraHosts") or ()}
    return [f"{name} is not as declared" for name, _ in sorted(wanted - has)]


def _sysctls(service: Service, made: Made) -> list[str]:
    has = made.host.get("Sysctls") or {}
    return [
        f"sysctl {name} is not as declared"
        for name, value in pairs(service.declared.get("sysctls")).items()
        if has.get(name) != value
    ]


def _links(service: Service, made: Made) -> list[str]:
    networks = (made.attrs.get("NetworkSettings") or {}).get("Networks") or {}
    has = {
        str(link).partition(":")[2].rpartition("/")[2]
        for network in networks.values()
        for link in network.get("Links") or ()
    }
    rows = (*_list(service, "links"), *_list(service, "external_links"))
    wanted = {row.rpartition(":")[2] for row in rows}
    return [f"has no link {name}" for name in sorted(wanted - has)]


def _volumes_from(service: Service, made: Made) -> list[str]:
    wanted = len(_list(service, "volumes_from"))
    has = len(made.host.get("VolumesFrom") or ())
    return [] if has >= wanted else [f"{has} of {wanted} sources of volumes"]


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
        missing = [row for row in _list(service, key) if row not in has]
        return [f"{key}: {row} is missing" for row in missing]

    return compare


def _mac(service: Service, made: Made) -> list[str]:
    networks = (made.attrs.get("NetworkSettings") or {}).get("Networks") or {}
    has = {str(n.get("MacAddress") or "").lower() for n in networks.values()}
    has.add(str(made.config.get("MacAddress") or "").lower())
    wanted = str(service.declared["mac_address"]).lower()
    return [] if wanted in has else [f"no network has the address {wanted}"]


def _list(service: Service, key: str) -> list[str]:
    declared = service.declared.get(key) or ()
    rows = [declared] if isinstance(declared, str) else declared
    return [str(row) for row in rows]


def _granted(entry: Any, kind: str) -> str:
    target = entry.get("target") if isinstance(entry, Mapping) else None
    source = entry.get("source") if isinstance(entry, Mapping) else entry
    return target_of(kind, str(source), target)


ASPECTS: Mapping[str, tuple[tuple[str, ...], Compare]] = {
    "image": (("image",), _image),
    "platform": (("platform",), _platform),
    "command": (("command",), _command),
    "entrypoint": (("entrypoint",), _entrypoint),
    "environment": (("environment",), _environment),
    "labels": (("labels",), _labels),
    "mounts": (("volumes", "tmpfs"), _mounts),
    "networks": (("networks",), _networks),
    "network_mode": (("network_mode",), _network_mode),
    "ports": (("ports",), _ports),
    "logging": (("logging",), _logging),
    "extra_hosts": (("extra_hosts",), _extra_hosts),
    "sysctls": (("sysctls",), _sysctls),
    "links": (("links", "external_links"), _links),
    "volumes_from": (("volumes_from",), _volumes_from),
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
    "mac_address": (("mac_address",), _mac),
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

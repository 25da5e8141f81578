"""Find in the file what exposes a service more than it needs (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..check import Finding, failed, passed
from ..model import Service
from .confined import NAMESPACES
from .spelling import pairs

_SOCKETS = (
    "docker.sock",
    "podman.sock",
    "containerd.sock",
    "crio.sock",
    "dockerd.sock",
)
_SOCKET_FOLDERS = frozenset(
    {"/", "/run", "/var/run", "/var", "/run/containerd", "/run/podman"}
)
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:PASS|PASSWD|PASSWORD|PASSPHRASE|PWD|SECRET|SECRETS|TOKEN|API_?KEY|"
    r"PRIVATE_?KEY|ACCESS_?KEY|SECRET_?KEY(?:_BASE)?|ENCRYPTION_?KEY|CREDENTIALS?)$",
    re.IGNORECASE,
)
_USER_IN_URL = re.compile(r"\w+://[^/\s:@]*:(?P<password>[^/\s@]+)@")
_STRONG = frozenset(
    f"CAP_{name}"
    for name in (
        *("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_BOOT"),
        *("DAC_READ_SEARCH", "BPF", "MAC_ADMIN"),
    )
)
_EVERYBODY = frozenset({"", "0.0.0.0", "::", "[::]"})


def is_secret_name(name: str) -> bool:
    """Tell whether a variable's name says that its value is secret.

    NAME_FILE holds a path, and a switch such as ALLOW_EMPTY_PASSWORD holds none.
    """
    upper = name.upper()
    switch = upper.startswith(("ALLOW_", "ENABLE_", "DISABLE_", "USE_", "RANDOM_"))
    return bool(_SECRET_NAME.search(name)) and not switch and "RANDOM" not in upper


def secret_values(declared: Any) -> dict[str, str]:
    """Return the variables of a service that hold a secret, by name or in a URL."""
    found = {}
    for name, value in pairs(declared).items():
        if not value or value.startswith("/") or value.lower() in {"true", "false"}:
            continue
        if is_secret_name(name):
            found[name] = value
        elif match := _USER_IN_URL.search(value):
            found[name] = match["password"]
    return found


def judge_secret_variables(service: Service) -> Finding:
    """Find secrets among the variables; the values are not quoted."""
    names = sorted(secret_values(service.declared.get("environment")))
    if names:
        return failed(
            f"secret in {', '.join(names)}",
            "Everybody who may inspect the container reads it, and so does every child "
            "process: use `secrets` and a variable that names the file.",
            variables=len(names),
        )
    return passed("no secret among the variables")


def judge_socket(service: Service) -> Finding:
    """Find mounts of the engine's socket."""
    for mount in service.mounts:
        source = (mount.source or "").rstrip("/") or "/"
        if (
            mount.kind == "bind"
            and mount.source
            and (source.endswith(_SOCKETS) or source in _SOCKET_FOLDERS)
        ):
            return failed(
                f"{source} is mounted",
                "Who can write to the engine's socket is root on the host: use a proxy "
                "that allows only the calls needed, or do without.",
            )
    if service.declares("use_api_socket"):
        return failed("use_api_socket", "The service is given the engine's own socket.")
    return passed("no socket of an engine")


def judge_host_namespaces(service: Service) -> Finding:
    """Find namespaces that are shared with the host."""
    shared = [key for key in NAMESPACES if service.declares(key) == "host"]
    if service.network_mode == "host" and "network_mode" not in shared:
        shared.append("network_mode")
    if shared:
        return failed(
            f"shares with the host: {', '.join(shared)}",
            "The service sees or reaches what belongs to the host: publish ports and "
            "mount paths instead, where that is enough.",
        )
    return passed("namespaces of its own")


def judge_power(service: Service) -> Finding:
    """Find what makes a container nearly root of the host."""
    found = []
    if service.declares("privileged"):
        found.append("privileged")
    added = {
        f"CAP_{str(name).upper().removeprefix('CAP_')}"
        for name in service.declared.get("cap_add") or ()
    }
    found += sorted(added & _STRONG)
    for option in service.declared.get("security_opt") or ():
        if str(option).endswith("unconfined"):
            found.append(str(option))
    if found:
        return failed(
            ", ".join(found),
            "This is close to root on the host: add only the single capabilities and "
            "devices that the program needs.",
        )
    return passed("nothing that makes it root of the host")


def judge_tag(service: Service) -> Finding:
    """Judge whether the image's name says which version is meant."""
    image = service.image
    if not image or service.declared.get("build"):
        return passed("built from this project")
    if "@sha256:" in image:
        return passed("pinned by digest")
    _, colon, tag = image.rpartition("/")[2].partition(":")
    if not colon or tag == "latest":
        return failed(
            f"{image} has {'the tag latest' if colon else 'no tag'}",
            "Tomorrow's image may be another one: name a version.",
        )
    return passed(f"tag {tag}")


def judge_digest(service: Service, digests: list[str]) -> Finding:
    """Judge whether an image of a registry is pinned by its content."""
    if "@sha256:" in service.image:
        return passed("pinned by digest")
    if service.declared.get("build") or not service.image:
        return passed("built from this project")
    if not digests:
        return passed("the image was made on this host")
    return failed(
        f"{service.image} is not pinned by digest",
        f"A tag can be moved: write {service.image}@{digests[0].partition('@')[2]}.",
    )


def judge_world(service: Service) -> Finding:
    """Find ports that every address of the host offers."""
    open_ports = [str(p) for p in service.ports if p.host_ip in _EVERYBODY]
    if open_ports and service.network_mode != "host":
        return failed(
            f"offered to everybody: {', '.join(open_ports)}",
            "The engine's rules come before the host's firewall: bind to an address, "
            "such as 127.0.0.1, and let a proxy face the world.",
            ports=len(open_ports),
        )
    return passed("no port is offered to everybody")


def judge_confinement(key: str, confined: Mapping[str, bool]) -> Finding:
    """Judge a measure that the file may be silent about, by container."""
    without = sorted(name for name, is_ in confined.items() if not is_)
    advice = {
        "capabilities": "Most services need none: `cap_drop: [ALL]`, then add what is "
        "missed.",
        "no-new-privileges": 'Set `security_opt: ["no-new-privileges:true"]`: then no '
        "set-uid program of the image helps an intruder.",
        "read-only": "Set `read_only: true`, and mount a tmpfs or a volume where the "
        "program writes.",
    }
    if without:
        return failed(f"{key} not set in {', '.join(without)}", advice[key])
    return passed(f"{key} is set")

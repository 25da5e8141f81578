"""Judge whether a service is confined as it declares (pure).

Each judge gets the declared service and one container: the engine's view, which is
what was asked for, and the kernel's, which is what holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..check import Finding, failed, passed
from ..model import Service
from .processes import Observed, Process

DEFAULT_CAPABILITIES = frozenset(
    f"CAP_{name}"
    for name in (
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD"),
        *("NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID"),
        "SYS_CHROOT",
    )
)
"""What the engine leaves to a container that declares nothing."""
ROOT = frozenset({"", "0", "root"})
_RUNC = "runc"
_DEVICE = ("PathOnHost", "PathInContainer", "CgroupPermissions")
_AGAIN = "Make the container anew with `docker compose up -d --force-recreate`."


def is_root(user: str) -> bool:
    """Tell whether a value of `user` means root."""
    return user.partition(":")[0] in ROOT


def judge_user(service: Service, one: Observed) -> Finding:
    """Compare `user` with the ids of PID 1."""
    declared = str(service.declared["user"])
    has = str(one.container.config.get("User") or "")
    if has != declared:
        return failed(f"user is {has or 'not set'}, declared {declared}", _AGAIN)
    if one.inside is None or is_root(declared):
        # A program that starts as root may become another user by itself.
        return passed(f"user {declared}")
    name, _, group = declared.partition(":")
    first = one.inside.first
    uid = _number(name, {n: ids[0] for n, ids in one.inside.users.items()})
    gid = _number(group, one.inside.groups)
    if uid is not None and first.uid != uid:
        return failed(
            f"PID 1 is user {first.uid}, declared {declared}",
            "Something changed the user after the start: look for a set-uid program in "
            "the entrypoint.",
            uid=first.uid,
        )
    if gid is not None and first.gid != gid:
        return failed(
            f"PID 1 is of group {first.gid}, declared {declared}",
            "Something changed the group after the start.",
            gid=first.gid,
        )
    return passed(f"PID 1 is user {first.uid}", uid=first.uid, gid=first.gid)


def judge_capabilities(service: Service, one: Observed) -> Finding:
    """Compare `cap_add` and `cap_drop` with what PID 1 may ever have."""
    add, drop = capabilities(service.declared)
    has_add = _names(one.container.host_config.get("CapAdd"))
    has_drop = _names(one.container.host_config.get("CapDrop"))
    if not add <= has_add or not drop <= has_drop:
        missing = sorted((add - has_add) | (drop - has_drop))
        return failed(f"not in force: {', '.join(missing)}", _AGAIN)
    if one.inside is None or one.inside.first.bounding is None:
        return passed("as declared")
    bounding = one.inside.first.bounding
    if "CAP_ALL" in drop:
        kept = bounding - add if "CAP_ALL" not in add else frozenset()
    else:
        kept = (bounding & drop) - add
    if kept:
        because = " because it is privileged" if service.declares("privileged") else ""
        return failed(
            f"PID 1 can still have {_some(kept)}",
            f"Dropped capabilities are not dropped{because}. {_AGAIN}",
            capabilities=len(bounding),
        )
    lacking = add - {"CAP_ALL"} - bounding
    if lacking:
        return failed(
            f"PID 1 cannot have {_some(lacking)}",
            "The engine's own host does not allow it: grant it there.",
            capabilities=len(bounding),
        )
    return passed(f"{len(bounding)} capabilities", capabilities=len(bounding))


def judge_privileged(service: Service, one: Observed) -> Finding:
    """Compare `privileged`."""
    wanted = bool(service.declared.get("privileged"))
    has = bool(one.container.host_config.get("Privileged"))
    if has is not wanted:
        return failed(f"privileged is {has}, declared {wanted}", _AGAIN)
    return passed(f"privileged is {has}")


def judge_security_option(option: str, one: Observed) -> Finding:
    """Compare one entry of `security_opt`."""
    name, value = split_option(option)
    has = [split_option(str(row)) for row in security_options(one)]
    asked = any(
        name == other and (value == is_ or is_.startswith("{")) for other, is_ in has
    )
    if not asked and name == "systempaths":
        asked = one.container.host_config.get("MaskedPaths") in ([], None)
    if not asked:
        return failed(f"{name} is not in force", _AGAIN)
    if one.inside is None:
        return passed(f"{name} is asked for")
    if name == "no-new-privileges" and value == "true":
        free = [p.name for p in one.inside.processes if p.no_new_privs is False]
        if free:
            return failed(
                f"{', '.join(free)} may gain privileges",
                "The kernel's flag NoNewPrivs is not set. " + _AGAIN,
            )
        return passed("NoNewPrivs is set")
    if name == "seccomp" and value != "unconfined" and not one.inside.first.seccomp:
        return failed("no filter of system calls", "Seccomp is off. " + _AGAIN)
    if name == "apparmor" and value != "unconfined":
        label = one.inside.first.security or ""
        if not label.startswith(value):
            return failed(
                f"profile is {label or 'none'}, declared {value}",
                "Load the profile on the engine's host, and switch AppArmor on.",
            )
    return passed(f"{name} is in force")


def judge_read_only(service: Service, one: Observed) -> Finding:
    """Compare `read_only` with the mount flags of the root."""
    wanted = bool(service.declared["read_only"])
    has = bool(one.container.host_config.get("ReadonlyRootfs"))
    if one.inside is not None:
        has = "ro" in one.inside.mounts.get("/", ())
    if has is wanted:
        return passed("root is read-only" if has else "root is writable")
    is_ = "read-only" if has else "writable"
    return failed(f"root is {is_}", f"It is declared the other way. {_AGAIN}")


NAMESPACES: Mapping[str, tuple[str, str]] = {
    "pid": ("pid", "PidMode"),
    "ipc": ("ipc", "IpcMode"),
    "uts": ("uts", "UTSMode"),
    "userns_mode": ("user", "UsernsMode"),
    "cgroup": ("cgroup", "CgroupnsMode"),
    "network_mode": ("net", "NetworkMode"),
}
"""Key of a service to the kernel's name and the engine's key."""


def judge_namespace(
    key: str, service: Service, one: Observed, peer: Observed | None
) -> Finding:
    """Compare a namespace mode with the namespace that PID 1 is in.

    Args:
        key: one of `NAMESPACES`.
        service: the declared service.
        one: its container.
        peer: first container of the service that is named in `service:NAME`.
    """
    kernel, field = NAMESPACES[key]
    mode = str(service.declared[key])
    asked = str(one.container.host_config.get(field) or "")
    kind = mode.partition(":")[0]
    good = asked.startswith("container:") if kind == "service" else asked == mode
    if not good and {asked, mode} - {"", "default", "bridge"}:
        return failed(f"{key} is {asked or 'not set'}, declared {mode}", _AGAIN)
    if one.inside is None:
        return passed(f"{key} is {mode}")
    mine = one.inside.namespaces.get(kernel)
    host = one.inside.host_namespaces.get(kernel)
    if mine and host and kind == "host" and mine != host:
        return failed(
            f"{kernel} namespace of its own", f"Declared is the host's. {_AGAIN}"
        )
    if mine and host and kind in {"private", "none", "shareable"} and mine == host:
        return failed(
            f"{kernel} namespace of the host", f"Declared is {mode}. {_AGAIN}"
        )
    if mine and kind == "service" and peer is not None and peer.inside is not None:
        other = peer.inside.namespaces.get(kernel)
        if other and other != mine:
            return failed(
                f"not the {kernel} namespace of {mode.partition(':')[2]}",
                "The other container was made anew since: start this one again.",
            )
    return passed(f"{kernel} namespace as declared")


def judge_devices(service: Service, one: Observed) -> Finding:
    """Compare `devices`."""
    has = {
        (
            row.get("PathOnHost"),
            row.get("PathInContainer"),
            row.get("CgroupPermissions"),
        )
        for row in one.container.host_config.get("Devices") or ()
    }
    for source, target, rights in devices(service.declared):
        if (source, target, rights) not in has:
            return failed(f"{source} is not given as {target}:{rights}", _AGAIN)
        if one.inside is not None and one.inside.paths.get(target, 0) is None:
            return failed(f"there is no {target}", _AGAIN)
    return passed("devices as declared")


def judge_groups(service: Service, one: Observed) -> Finding:
    """Compare `group_add` with the groups of PID 1."""
    declared = {str(group) for group in service.declared["group_add"]}
    has = {str(group) for group in one.container.host_config.get("GroupAdd") or ()}
    if not declared <= has:
        return failed(f"missing: {', '.join(sorted(declared - has))}", _AGAIN)
    user = str(one.container.config.get("User") or "")
    if one.inside is None or (is_root(user) and one.inside.first.uid):
        # It gave root up by itself, and its groups with it.
        return passed("groups as declared")
    wanted = {_number(group, one.inside.groups) for group in declared} - {None}
    lacking = wanted - one.inside.first.groups - {one.inside.first.gid}
    if lacking:
        names = ", ".join(map(str, sorted(map(str, lacking))))
        return failed(f"PID 1 is not of group {names}", _AGAIN)
    return passed("groups as declared")


def capabilities(declared: Mapping[str, Any]) -> tuple[frozenset[str], frozenset[str]]:
    """Return what is added and dropped, in the kernel's spelling."""
    return _names(declared.get("cap_add")), _names(declared.get("cap_drop"))


def split_option(option: str) -> tuple[str, str]:
    """Return name and value; "no-new-privileges" alone means true."""
    equals, colon = option.find("="), option.find(":")
    cut = min((at for at in (equals, colon) if at >= 0), default=len(option))
    return option[:cut], option[cut + 1 :] or "true"


def security_options(one: Observed) -> list[str]:
    """Return what the engine was asked for."""
    return list(one.container.host_config.get("SecurityOpt") or ())


def devices(declared: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return source, target and rights of plain devices; CDI names are left out."""
    found = []
    for entry in declared.get("devices") or ():
        if isinstance(entry, Mapping):
            source = str(entry.get("source") or "")
            target = str(entry.get("target") or source)
            rights = str(entry.get("permissions") or "rwm")
        else:
            source, _, rest = str(entry).partition(":")
            target, _, rights = rest.partition(":")
            target, rights = target or source, rights or "rwm"
        if source.startswith("/"):
            found.append((source, target, rights))
    return found


def root_processes(processes: Iterable[Process]) -> list[str]:
    """Return the names of those that run as root.

    While a health check is being started, the engine's own runc is seen in the
    container for a moment: it has not become the program yet.
    """
    return sorted(
        {
            p.name
            for p in processes
            if p.effective_uid == 0 and not p.name.startswith(_RUNC)
        }
    )


def runs_as_root(one: Observed) -> list[str]:
    """Return what runs as root in a container, or would."""
    if one.inside is not None:
        return root_processes(one.inside.programs)
    user = str(one.container.config.get("User") or "")
    return ["its command"] if is_root(user) else []


def _names(rows: Iterable[Any] | None) -> frozenset[str]:
    return frozenset(f"CAP_{str(r).upper().removeprefix('CAP_')}" for r in rows or ())


def _number(name: str, known: Mapping[str, int]) -> int | None:
    if name.isdigit():
        return int(name)
    return known.get(name) if name else None


def _some(names: Iterable[str]) -> str:
    rows = sorted(names)
    more = f" and {len(rows) - 4} more" if len(rows) > 4 else ""
    return ", ".join(rows[:4]) + more

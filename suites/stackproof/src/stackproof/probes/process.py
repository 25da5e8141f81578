"""What the kernel knows about the processes of one container; nothing is changed.

Request: {"pid": process id of PID 1 as the host sees it, "paths": [path in the
container, …]}; `paths` may be left out.

Answer: {"processes": [...], "mounts": [...], "namespaces": {...}, "host_namespaces":
{...}, "clock_offsets": {...}, "users": {name: [uid, gid]}, "groups": {name: gid},
"uid_map": [[inside, outside, count]], "gid_map": [...], "paths": {...}}.

PID 1 is the first process. Each process has `pid` (the host's), `inner_pid` (the
container's), `parent`, `name`, `command` (list of words), `state` (one letter), `uids`
and `gids` (real, effective, saved, file system), `groups`, `capabilities`
(`inheritable`, `permitted`, `effective`, `bounding` and `ambient`, each a list of names
such as "CAP_CHOWN"), `no_new_privs`, `seccomp` (0 off, 1 strict, 2 filter), `blocked`,
`ignored` and `caught` (numbers of signals; of the first thread), `threads`,
`oom_score_adj`, `security` (label of the security module) and `cgroups` (controller to
path). What an older kernel does not tell is null. Each mount that PID 1 sees has
`target`, `source`, `root`, `type`, `options` and `super_options`. Users and groups are
those of the container's own files. A path is null where there is nothing, otherwise it
has `kind` (file, folder or other), `mode`, `uid`, `gid` and `size`; symbolic links are
followed as the container would. Namespaces of the host are those of its PID 1, or of
this program where PID 1 may not be looked at.
"""

from __future__ import annotations

import json
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

_CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL"),
    *("SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE"),
    *("NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT"),
    *("SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME"),
    *("SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL"),
    *("SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM"),
    *("BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"),
)
_SETS = {
    "inheritable": "CapInh",
    "permitted": "CapPrm",
    "effective": "CapEff",
    "bounding": "CapBnd",
    "ambient": "CapAmb",
}
_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
_OCTAL = re.compile(r"\\([0-7]{3})")
_MOST_STEPS = 200
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


def observe(
    pid: int, paths: Iterable[str] = (), proc: Path = Path("/proc")
) -> dict[str, Any]:
    """Return what is known about the container whose PID 1 is `pid`."""
    first = proc / str(pid)
    cgroups = parse_cgroups((first / "cgroup").read_text("utf-8", "replace"))
    try:
        mounts = parse_mounts((first / "mountinfo").read_text("utf-8", "replace"))
    except OSError as err:
        raise OSError(f"process {pid} ends or has ended") from err
    return {
        "processes": [
            read_process(proc / str(each)) or {"pid": each}
            for each in (pid, *_others(pid, cgroups, proc))
        ],
        "mounts": mounts,
        "namespaces": _namespaces(first),
        "host_namespaces": _namespaces(proc / "1") or _namespaces(proc / "self"),
        "clock_offsets": parse_clock_offsets(_text(first / "timens_offsets")),
        "users": parse_accounts(_text(inside(first / "root", "/etc/passwd"))),
        "groups": {
            name: numbers[0]
            for name, numbers in parse_accounts(
                _text(inside(first / "root", "/etc/group"))
            ).items()
        },
        "uid_map": [_numbers(row) for row in _text(first / "uid_map").splitlines()],
        "gid_map": [_numbers(row) for row in _text(first / "gid_map").splitlines()],
        "paths": {path: describe(inside(first / "root", path)) for path in paths},
    }


def read_process(folder: Path) -> dict[str, Any] | None:
    """Return one process as described above, or None when it is gone."""
    try:
        found = parse_status((folder / "status").read_text("utf-8", "replace"))
        words = (folder / "cmdline").read_bytes().split(b"\0")
        cgroups = parse_cgroups((folder / "cgroup").read_text("utf-8", "replace"))
    except _GONE:
        return None
    score = _text(folder / "oom_score_adj").strip()
    label = _text(folder / "attr" / "current").strip(" \n\0")
    return {
        **found,
        "pid": int(folder.name),
        "command": [word.decode("utf-8", "replace") for word in words[:-1]],
        "oom_score_adj": int(score) if score else None,
        "security": label or None,
        "cgroups": cgroups,
    }


def parse_status(text: str) -> dict[str, Any]:
    """Return what /proc/PID/status says (pure)."""
    rows: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        rows[name] = value.strip()
    inner = rows.get("NSpid", "").split()
    return {
        "name": rows.get("Name", ""),
        "state": rows.get("State", "?")[:1],
        "parent": int(rows.get("PPid") or 0),
        "inner_pid": int(inner[-1]) if inner else None,
        "uids": _numbers(rows.get("Uid")),
        "gids": _numbers(rows.get("Gid")),
        "groups": _numbers(rows.get("Groups")),
        "threads": int(rows["Threads"]) if "Threads" in rows else None,
        "capabilities": {
            name: _capabilities(rows[key]) if key in rows else None
            for name, key in _SETS.items()
        },
        "no_new_privs": rows["NoNewPrivs"] == "1" if "NoNewPrivs" in rows else None,
        "seccomp": int(rows["Seccomp"]) if "Seccomp" in rows else None,
        "blocked": _signals(rows.get("SigBlk")),
        "ignored": _signals(rows.get("SigIgn")),
        "caught": _signals(rows.get("SigCgt")),
    }


def parse_mounts(text: str) -> list[dict[str, Any]]:
    """Return what mountinfo says; a later mount may hide an earlier one (pure)."""
    mounts = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, last = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(last) < 3:
            continue
        mounts.append(
            {
                "target": _plain(fields[4]),
                "root": _plain(fields[3]),
                "options": fields[5].split(","),
                "type": last[0],
                "source": _plain(last[1]),
                "super_options": last[2].split(","),
            }
        )
    return mounts


def parse_cgroups(text: str) -> dict[str, str]:
    """Return controller to path; the one of version 2 is "" (pure)."""
    found = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            found[controller.removeprefix("name=")] = path
    return found


def parse_clock_offsets(text: str) -> dict[str, float]:
    """Return clock to seconds that a time namespace adds to it (pure)."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1]) + int(row[2]) / 1e9 for row in rows if len(row) == 3}


def parse_accounts(text: str) -> dict[str, list[int]]:
    """Return name to the numbers that follow the password, as in passwd(5) (pure)."""
    found: dict[str, list[int]] = {}
    for line in text.splitlines():
        name, _, *fields = line.split(":")[:4] + [""] * 2
        numbers = [int(field) for field in fields if field.isdigit()]
        if name and numbers:
            found.setdefault(name, numbers)
    return found


def inside(root: Path, path: str) -> Path:
    """Return where a path of the container is for the host, links followed."""
    wanted = [part for part in path.split("/") if part]
    done: list[str] = []
    for _ in range(_MOST_STEPS):
        if not wanted:
            break
        part = wanted.pop(0)
        if part in {".", ".."}:
            done = done[:-1] if part == ".." else done
            continue
        try:
            link = str(root.joinpath(*done, part).readlink())
        except OSError:
            done.append(part)
            continue
        done = [] if link.startswith("/") else done
        wanted = [word for word in link.split("/") if word] + wanted
    return root.joinpath(*done)


def describe(path: Path) -> dict[str, Any] | None:
    """Return what stands at a path, or None."""
    try:
        found = path.lstat()
    except OSError:
        return None
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder"}
    return {
        "kind": kinds.get(stat.S_IFMT(found.st_mode), "other"),
        "mode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "size": found.st_size,
    }


def same_container(mine: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Tell whether a process is in the control group of PID 1, or below (pure).

    The hierarchy in which PID 1 is deepest tells containers apart; where it is at the
    root in all of them, nothing does.
    """
    controller = max(mine, key=lambda name: mine[name].count("/"), default=None)
    if controller is None or mine[controller] == "/":
        return False
    path = other.get(controller, "")
    return path == mine[controller] or path.startswith(f"{mine[controller]}/")


def _others(pid: int, cgroups: Mapping[str, str], proc: Path) -> Iterator[int]:
    numbers = (int(entry.name) for entry in proc.iterdir() if entry.name.isdigit())
    for number in sorted(numbers):
        text = _text(proc / str(number) / "cgroup") if number != pid else ""
        if text and same_container(cgroups, parse_cgroups(text)):
            yield number


def _namespaces(folder: Path) -> dict[str, str]:
    found = {}
    for name in _NAMESPACES:
        try:
            found[name] = str((folder / "ns" / name).readlink())
        except OSError:
            continue
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _capabilities(mask: str) -> list[str]:
    named = _bits(mask)
    return [
        f"CAP_{_CAPABILITIES[bit] if bit < len(_CAPABILITIES) else bit}"
        for bit in named
    ]


def _signals(mask: str | None) -> list[int]:
    return [bit + 1 for bit in _bits(mask or "0")]


def _bits(mask: str) -> list[int]:
    number = int(mask, 16)
    return [bit for bit in range(number.bit_length()) if number >> bit & 1]


def _numbers(text: str | None) -> list[int]:
    return [int(word) for word in (text or "").split()]


def _plain(path: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), path)


def main(lines: Iterable[str] = sys.stdin) -> int:
    """Answer one request."""
    request = json.loads("".join(lines))
    try:
        answer = observe(int(request["pid"]), request.get("paths") or ())
    except OSError as err:
        sys.stderr.write(f"no such process: {err}\n")
        return 1
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What can be seen and reached from the network namespaces of containers.

Request: {"visits": [...], "timeout": seconds for connections, "patience": seconds for
name servers, "linger": seconds}. Each visit names a `pid` whose namespace is entered
(0: the host's), and what to do there: `resolve` (names for the engine's own server),
`lookup` (names as a program of the container finds them: hosts file, then its name
servers), `connect` (list of {"address", "port"}), `tables` and `files` (true to read
them) and `listen` (an address: open a listener there for as long as the request takes;
the port "listener" of a later `connect` stands for its port). Everything waits at the
same time.

Answer: {"visits": [...]} in the same order. `resolve` and `lookup` map a name to
{"addresses": [...], "rcode": number or null when no server answered}. `connect` has
{"outcome": "accepted", "refused", "timeout" or "unreachable", "closed": whether the
other side ended it within `linger`}. `sockets` are those that listen, or for UDP are
bound: {"protocol", "address", "port"}. `addresses` are those of the namespace, `routes`
have `destination`, `gateway` and `interface`. `hosts` and `resolv_conf` are texts. A
visit that was not possible has `error`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import secrets
import selectors
import socket
import struct
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .queries import TYPES, decode_answer, encode_query
from .tables import (
    LISTENING,
    parse_addresses,
    parse_hosts,
    parse_resolv_conf,
    parse_routes,
    parse_sockets,
)

_NEW_NETWORK = 0x40000000
_EMBEDDED = "127.0.0.11"
_PROC = Path("/proc")


def visit_all(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a request."""
    waiting = _Waiting(
        timeout=float(request.get("timeout", 1.0)),
        patience=float(request.get("patience", 2.0)),
        linger=float(request.get("linger", 0.0)),
    )
    _allow_many_sockets()
    answers: list[dict[str, Any]] = []
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    for visit in request["visits"]:
        try:
            answers.append(_visit(visit, home, waiting))
        except (OSError, ValueError) as err:
            answers.append({"error": f"{type(err).__name__}: {err}"})
    waiting.run()
    for answer in answers:
        for finish in answer.pop("_finish", ()):
            finish()
    return {"visits": answers}


def _visit(visit: dict[str, Any], home: int, waiting: _Waiting) -> dict[str, Any]:
    pid = int(visit["pid"])
    _enter(pid, home)
    answer: dict[str, Any] = {"_finish": []}
    if visit.get("tables"):
        net = _PROC / (str(pid) if pid else "thread-self") / "net"
        answer["sockets"] = [
            row
            for name in LISTENING
            for row in parse_sockets(name, _text(net / name))
            if row["address"] != _EMBEDDED
        ]
        answer["addresses"] = parse_addresses(
            _text(net / "fib_trie"), _text(net / "if_inet6")
        )
        answer["routes"] = parse_routes(_text(net / "route"), _text(net / "ipv6_route"))
    files = {
        name: _text(_PROC / str(pid) / "root" / "etc" / file)
        for name, file in (("hosts", "hosts"), ("resolv_conf", "resolv.conf"))
    }
    if visit.get("files"):
        answer.update(files)
    if visit.get("listen"):
        waiting.listen(visit["listen"])
    answer["resolve"] = {
        name: waiting.query(name, [_EMBEDDED]) for name in visit.get("resolve") or ()
    }
    answer["lookup"] = {}
    for name in visit.get("lookup") or ():
        _look_up(name, files, waiting, answer)
    answer["connect"] = [
        waiting.connect(str(target["address"]), target["port"])
        for target in visit.get("connect") or ()
    ]
    return answer


def _look_up(
    name: str, files: dict[str, str], waiting: _Waiting, answer: dict[str, Any]
) -> None:
    known = parse_hosts(files["hosts"]).get(name.lower())
    if known:
        answer["lookup"][name] = {"addresses": known, "rcode": 0}
        return
    servers, search = parse_resolv_conf(files["resolv_conf"])
    asked = [
        waiting.query(full, servers)
        for full in (name, *(f"{name}.{domain}" for domain in search))
    ]

    def finish() -> None:
        found = [one for one in asked if one["addresses"]]
        answer["lookup"][name] = (found or asked)[0]

    answer["_finish"].append(finish)


class _Waiting:
    """All that is under way; sockets stay in the namespace that they were made in."""

    def __init__(self, *, timeout: float, patience: float, linger: float) -> None:
        self._timeout = timeout
        self._patience = patience
        self._linger = linger
        self._selector = selectors.DefaultSelector()
        self._until: dict[socket.socket, float] = {}
        self._listener: socket.socket | None = None

    def listen(self, address: str) -> None:
        """Open a listener in the current namespace."""
        self._listener = socket.create_server((address, 0))

    def connect(self, address: str, port: int | str) -> dict[str, Any]:
        """Begin to connect; the result is filled in while `run` waits."""
        result: dict[str, Any] = {"outcome": "timeout", "closed": False}
        if port == "listener" and self._listener is not None:
            port = int(self._listener.getsockname()[1])
        made = socket.socket(_family(address), socket.SOCK_STREAM)
        made.setblocking(False)
        code = made.connect_ex((address, int(port)))
        if code in {0, errno.EINPROGRESS}:
            then = self._connected(made, result)
            self._watch(made, selectors.EVENT_WRITE, self._timeout, then)
        else:
            result["outcome"] = _outcome(code)
            made.close()
        return result

    def query(self, name: str, servers: list[str]) -> dict[str, Any]:
        """Ask the name servers for the addresses of a name."""
        result: dict[str, Any] = {"addresses": [], "rcode": None}
        for server in servers:
            for kind in TYPES:
                asked = secrets.randbelow(2**16)
                made = socket.socket(_family(server), socket.SOCK_DGRAM)
                made.setblocking(False)
                try:
                    made.connect((server, 53))
                    made.send(encode_query(asked, name, kind))
                except (OSError, ValueError):
                    made.close()
                    continue
                then = self._answered(made, asked, result)
                self._watch(made, selectors.EVENT_READ, self._patience, then)
        return result

    def run(self) -> None:
        """Wait until everything has ended or is out of time."""
        while self._until:
            left = min(self._until.values()) - time.monotonic()
            for key, _ in self._selector.select(max(0.0, left)):
                key.data()
            now = time.monotonic()
            for late in [one for one, until in self._until.items() if until <= now]:
                self._close(late)

    def _watch(
        self, made: socket.socket, event: int, seconds: float, then: Any
    ) -> None:
        self._until[made] = time.monotonic() + seconds
        self._selector.register(made, event, then)

    def _close(self, made: socket.socket) -> None:
        self._selector.unregister(made)
        del self._until[made]
        made.close()

    def _connected(self, made: socket.socket, result: dict[str, Any]) -> Any:
        def ended() -> None:
            try:
                result["closed"] = made.recv(1) == b""
            except OSError:
                result["closed"] = True
            self._close(made)

        def done() -> None:
            code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            result["outcome"] = "accepted" if code == 0 else _outcome(code)
            if code or not self._linger:
                self._close(made)
                return
            self._selector.modify(made, selectors.EVENT_READ, ended)
            self._until[made] = time.monotonic() + self._linger

        return done

    def _answered(self, made: socket.socket, asked: int, result: dict[str, Any]) -> Any:
        def done() -> None:
            try:
                rcode, addresses = decode_answer(asked, made.recv(4096))
            except (OSError, ValueError, struct.error, IndexError):
                rcode, addresses = None, []
            known = result["rcode"]
            result["rcode"] = rcode if known is None or rcode == 0 else known
            for address in addresses:
                if address not in result["addresses"]:
                    result["addresses"].append(address)
            self._close(made)

        return done


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _outcome(code: int) -> str:
    if code == errno.ECONNREFUSED:
        return "refused"
    return "timeout" if code == errno.ETIMEDOUT else "unreachable"


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _allow_many_sockets() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _enter(pid: int, home: int) -> None:
    """Enter the network namespace of a process, or of the host.

    Raises:
        OSError: it is gone, or this is not allowed.
    """
    try:
        found = os.open(f"/proc/{pid or 1}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        # Where process 1 is out of reach, the host is where this program was started.
        if pid:
            raise
        found = os.dup(home)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.setns(found, _NEW_NETWORK):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), f"network namespace of {pid}")
    finally:
        os.close(found)


def main(lines: Iterable[str] = sys.stdin) -> int:
    """Answer one request."""
    sys.stdout.write(json.dumps(visit_all(json.loads("".join(lines)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

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
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

_NEW_NETWORK = 0x40000000
_EMBEDDED = "127.0.0.11"
_TYPES = {1: socket.AF_INET, 28: socket.AF_INET6}
_LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
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
            for name in _LISTENING
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
            for kind in _TYPES:
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


def encode_query(number: int, name: str, kind: int) -> bytes:
    """Return a DNS question for one name (pure).

    Raises:
        ValueError: the name cannot be asked for.
    """
    labels = [label.encode("idna") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError(f"no name: {name!r}")
    asked = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return (
        struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
        + asked
        + struct.pack("!2H", kind, 1)
    )


def decode_answer(number: int, message: bytes) -> tuple[int, list[str]]:
    """Return the response code and the addresses of a DNS answer (pure).

    Raises:
        ValueError: it is the answer to something else.
    """
    given, flags, questions, answers = struct.unpack_from("!4H", message)
    if given != number:
        raise ValueError("the answer to another question")
    at = 12
    for _ in range(questions):
        at = _after_name(message, at) + 4
    found = []
    for _ in range(answers):
        at = _after_name(message, at)
        kind, _, _, length = struct.unpack_from("!2HIH", message, at)
        at += 10
        if kind in _TYPES:
            found.append(socket.inet_ntop(_TYPES[kind], message[at : at + length]))
        at += length
    return flags & 0xF, found


def _after_name(message: bytes, at: int) -> int:
    while True:
        length = message[at]
        if length >= 0xC0:
            return at + 2
        at += 1 + length
        if not length:
            return at


def parse_sockets(name: str, text: str) -> list[dict[str, Any]]:
    """Return what listens, from /proc/net/tcp and its like (pure)."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 4 or fields[3] != _LISTENING[name]:
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

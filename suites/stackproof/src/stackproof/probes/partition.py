"""Let packets between a container and its peers vanish, or let them pass again.

Request: {"pid": process id of a container's PID 1, "peers": [addresses], "cut": true
or false}. The rules are set with the host's `iptables` in the container's network
namespace; the host's own namespace is refused.

Answer: {"dropped": packets that the rules have met; 0 while they are being set}.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

_NAMESPACE = Path("/proc")
_ENTER = "nsenter -t {pid} -n"
_IPTABLES = ("env", "LC_ALL=C", "iptables", "-w", "5")


def partition(pid: int, peers: Iterable[str], *, cut: bool) -> dict[str, int]:
    """Set the rules, or remove them and count what they met.

    Raises:
        OSError: the process is gone, or iptables is not there.
        ValueError: it is in the same network namespace, or iptables refuses.
    """
    space = (_NAMESPACE / str(pid) / "ns" / "net").readlink()
    if space == (_NAMESPACE / "self" / "ns" / "net").readlink():
        raise ValueError(f"process {pid} is in the network namespace of this host")
    rules = [
        rule
        for peer in peers
        for rule in (("INPUT", "-s", peer), ("OUTPUT", "-d", peer))
    ]
    dropped = 0 if cut else counted(_iptables(pid, "-L", "-n", "-v", "-x"), peers)
    for chain, direction, peer in rules:
        _iptables(pid, "-I" if cut else "-D", chain, direction, peer, "-j", "DROP")
    return {"dropped": dropped}


def counted(listing: str, peers: Iterable[str]) -> int:
    """Return the packets that rules about some peers have dropped (pure).

    Args:
        listing: what `iptables -L -n -v -x` prints.
        peers: the addresses.
    """
    wanted = set(peers)
    rows = (line.split() for line in listing.splitlines())
    return sum(int(row[0]) for row in rows if "DROP" in row and wanted & set(row))


def _iptables(pid: int, *arguments: str) -> str:
    done = subprocess.run(
        [*_ENTER.format(pid=pid).split(), *_IPTABLES, *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    if done.returncode:
        raise ValueError(f"iptables {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def main(lines: Iterable[str] = sys.stdin) -> int:
    """Answer one request."""
    request = json.loads("".join(lines))
    try:
        answer = partition(
            int(request["pid"]), list(request["peers"]), cut=bool(request["cut"])
        )
    except (OSError, ValueError) as err:
        sys.stderr.write(f"not cut: {err}\n")
        return 1
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())

# ruff: noqa: INP001, T201 - a script that runs alone
"""Measure how many events per second one core of the simulator emits and sends.

Starts `python -m ha_simulator`, reads its WebSocket with a bare socket that decodes
nothing, asks for a rate, and prints what left, how late, and the CPU it cost:

    python speed.py --rate 30000 --seconds 10
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

TOKEN = "speed"  # noqa: S105 - of a simulator that lives for seconds
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """Return the CPU time a process has used."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Return a process's resident memory in MB."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def call(port: int, path: str, body: dict[str, Any] | None = None) -> Any:
    """Do one control request and return its JSON."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data) as answer:
        return json.load(answer)


def frame(text: str) -> bytes:
    """Return a client's text frame, with an all-zero mask."""
    payload = text.encode()
    if len(payload) < 126:
        return bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload


def read_until(client: socket.socket, seen: bytes, wanted: bytes) -> bytes:
    """Read until the text was seen; return what was read."""
    while wanted not in seen:
        part = client.recv(1 << 16)
        if not part:
            raise ConnectionError(f"closed before {wanted!r} came")
        seen += part
    return seen


def subscribe(port: int) -> socket.socket:
    """Return a socket that is subscribed to state_changed with coalescing."""
    client = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /api/websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    seen = read_until(client, b"", b"auth_required")
    client.sendall(frame(json.dumps({"type": "auth", "access_token": TOKEN})))
    seen = read_until(client, seen, b"auth_ok")
    commands = [
        {"id": 1, "type": "supported_features", "features": {"coalesce_messages": 1}},
        {"id": 2, "type": "subscribe_events", "event_type": "state_changed"},
    ]
    client.sendall(frame(json.dumps(commands)))
    read_until(client, seen, b'"id":2')
    return client


def swallow(client: socket.socket, counted: list[int]) -> None:
    """Read and forget everything; count the bytes."""
    buffer = bytearray(1 << 20)
    while size := client.recv_into(buffer):
        counted[0] += size


def main() -> int:
    """Run one measurement and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=30_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--entities", type=int, default=1_000)
    parser.add_argument("--payload-bytes", type=int, default=0)
    asked = parser.parse_args()
    port = free_port()
    argv = ["--host", "127.0.0.1", "--port", str(port), "--token", TOKEN]
    simulator = subprocess.Popen(
        [sys.executable, "-m", "ha_simulator", *argv], stdout=subprocess.PIPE
    )
    try:
        if simulator.stdout is not None:
            simulator.stdout.readline()
        client = subscribe(port)
        counted = [0]
        threading.Thread(target=swallow, args=(client, counted), daemon=True).start()
        before = cpu_seconds(simulator.pid)
        started = time.monotonic()
        job = call(
            port,
            "/_script/rate",
            {
                "rate": asked.rate,
                "seconds": asked.seconds,
                "entities": asked.entities,
                "payload_bytes": asked.payload_bytes,
            },
        )
        while job["state"] == "running":
            job = call(port, f"/_script/rate/{job['job']}?wait=60")
        used = cpu_seconds(simulator.pid) - before
        status = call(port, "/_script/status")
        connection = status["connections"][0] if status["connections"] else None
        print(
            json.dumps(
                {
                    "emitted": job["emitted"],
                    "events_per_second": job["achieved_rate"],
                    "lateness": job["lateness"],
                    "on_wire": connection and connection["events_on_wire"],
                    "pending_peak": status["pending_peak"],
                    "frames": connection and connection["frames"],
                    "bytes_per_event": round(counted[0] / max(job["emitted"], 1)),
                    "cpu_us_per_event": round(used / job["emitted"] * 1e6, 2),
                    "cpu_share_of_a_core": round(
                        used / (time.monotonic() - started), 3
                    ),
                    "events_per_second_per_core": round(job["emitted"] / used),
                    "resident_mb": round(resident_mb(simulator.pid), 1),
                },
                indent=2,
            )
        )
    finally:
        simulator.terminate()
        code = simulator.wait(timeout=10)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""A small server that behaves as told; what a container runs in the foreign stacks.

Roles: `serve` answers HTTP until it is told to stop; `once` writes a file and ends;
`work` does nothing until it is told to stop; `probe` asks a server and exits 0 or 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Answer(BaseHTTPRequestHandler):
    """Says ok to everything."""

    def do_GET(self) -> None:
        """Answer one request."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_words: object) -> None:
        """Keep quiet about requests."""


class Server(ThreadingHTTPServer):
    """Starts without asking a name server for its own name."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Bind the socket."""
        socket.socket.bind(self.socket, self.server_address)
        self.server_name, self.server_port = "server", self.server_address[1]


def main() -> int:
    """Play the role."""
    options = parse()
    print(f"{options.role} starts", flush=True)
    if options.lock:
        lock = Path(options.lock)
        if lock.exists():
            print(f"{lock} exists: another one runs?", file=sys.stderr)
            return 7
        lock.touch()
    if options.wipe:
        for file in Path(options.wipe).iterdir():
            file.unlink()
    if options.needs and not answers(options.needs):
        print(f"{options.needs} does not answer", file=sys.stderr)
        return 9
    if options.role == "probe":
        return 0
    if options.write:
        Path(options.write).write_text("written\n", encoding="utf-8")
    if options.role == "once":
        return int(options.code)
    time.sleep(options.delay)
    return stay(options)


def stay(options: argparse.Namespace) -> int:
    """Run until a signal says stop."""
    stopped = threading.Event()
    numbers = [getattr(signal, name) for name in options.stop_on.split(",") if name]
    for number in numbers:
        signal.signal(number, lambda *_: stopped.set())
    if options.role == "serve":
        server = Server((options.bind, options.port), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    stopped.wait()
    print("stopping", flush=True)
    time.sleep(options.linger)
    return int(options.code)


def answers(url: str) -> bool:
    """Ask once."""
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["serve", "once", "work", "probe"])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--bind", default="0.0.0.0")
    parser.add_argument("--needs", help="URL that must answer at the start")
    parser.add_argument("--write", help="file to write at the start")
    parser.add_argument("--wipe", help="folder to empty at the start")
    parser.add_argument("--lock", help="file that must not exist at the start")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds to the start")
    parser.add_argument("--linger", type=float, default=0.0, help="seconds to the end")
    parser.add_argument("--stop-on", default="SIGTERM,SIGINT")
    parser.add_argument("--code", type=int, default=0, help="exit code")
    return parser.parse_args()


if __name__ == "__main__":
    os.chdir("/")
    sys.exit(main())

"""The health probe: exit code and one line."""

from __future__ import annotations

import http.server
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PROBE = Path(__file__).parents[1] / "scripts" / "health-probe.sh"
FULL = '{"reasons":[{"code":"spool_full","detail":"no room"}]}'
ANSWERS = {
    "/": (200, ""),
    "/ok": (200, "{}"),
    "/ok?x=1": (200, "{}"),
    "/bad": (503, FULL),
    "/text": (500, "it\n broke  200 "),
    "/empty": (404, ""),
}


class Answers(http.server.BaseHTTPRequestHandler):
    """Serves the table above."""

    def do_GET(self) -> None:
        """Answer by the path."""
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the answers on a free port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def probe(*arguments: str) -> tuple[int, str]:
    """Return the exit code and what was printed."""
    done = subprocess.run(
        [PROBE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("path", ["", "/", "/ok", "/ok?x=1"])
def test_200_is_well(url: str, path: str) -> None:
    """An answer 200 means exit code 0 and no output."""
    assert probe(url + path) == (0, "")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/bad", f"503 {FULL}"),
        ("/text", "500 it broke 200"),
        ("/empty", "404 "),
    ],
)
def test_another_status_is_one_line(url: str, path: str, line: str) -> None:
    """The line names the address, the status and what the answer says."""
    assert probe(url + path) == (1, f"{url}{path}: {line}\n")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:1/health", "no connection"),
        ("https://127.0.0.1:1/", "not an http:// address with a port"),
        ("http://127.0.0.1/", "not an http:// address with a port"),
    ],
)
def test_no_connection_is_one_line(address: str, reason: str) -> None:
    """Without an answer the line says why."""
    assert probe(address) == (1, f"{address}: {reason}\n")


def test_a_service_that_hangs_up_is_one_line() -> None:
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/health"

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        found = probe(address)
        thread.join()

    assert found == (1, f"{address}: no answer\n")


def test_usage() -> None:
    """Without an address the exit code is that of wrong usage."""
    assert probe() == (2, "usage: health-probe URL\n")

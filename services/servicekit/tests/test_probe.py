"""The health probe: exit code and one line."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from servicekit.probe import main, probe

ANSWERS = {
    "/ok": (200, b"{}"),
    "/ok?x=1": (200, b"{}"),
    "/bad": (503, b'{"reasons":[{"code":"spool_full","detail":"no room"}]}'),
    "/text": (500, b"it\n broke"),
    "/odd": (500, b'{"reasons":[1]}'),
}


class Answers(http.server.BaseHTTPRequestHandler):
    """Serves the table above."""

    def do_GET(self) -> None:
        """Answer by the path."""
        status, body = ANSWERS[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

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


@pytest.mark.parametrize("path", ["/ok", "/ok?x=1"])
def test_200_is_well(url: str, path: str) -> None:
    """An answer 200 means exit code 0 and no output."""
    assert probe(url + path) is None
    assert main([url + path]) == 0


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/bad", "503 spool_full: no room"),
        ("/text", "500 it broke"),
        ("/odd", '500 {"reasons":[1]}'),
    ],
)
def test_another_status_is_one_line(
    url: str, path: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the address, the status and the reasons."""
    code = main([url + path])

    assert (code, capsys.readouterr().out) == (1, f"{url}{path}: {line}\n")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://127.0.0.1:1/health", "Connection refused"),
        ("https://x", "not an http:// address"),
    ],
)
def test_no_answer_is_one_line(address: str, reason: str) -> None:
    """Without an answer the line says why."""
    problem = probe(address)

    assert problem is not None
    assert reason in problem
    assert "\n" not in problem


def test_usage() -> None:
    """Without an address the exit code is that of wrong usage."""
    assert main([]) == 2


def test_starts_without_the_heavy_libraries() -> None:
    """A probe must not pay for the HTTP stack of the services."""
    code = (
        "import sys, servicekit.probe;"
        "print(sorted({'aiohttp','pydantic','structlog','asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"

"""An image of a registry that is named by a tag turns SECURITY-20 red."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from docker import DockerClient

from stackproof.verify.trial import Outcome

pytestmark = pytest.mark.timeout(180)

BASE = "ha-ingestor/python:3.13-runtime"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One image as a registry keeps it."""

    manifest: bytes
    blobs: dict[str, Path]

    @property
    def digest(self) -> str:
        """What a name is pinned by."""
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"


def kept(engine: DockerClient, image: str, folder: Path) -> Served:
    """Save an image, under another id: its own must not get a digest."""
    saved = folder / "saved.tar"
    with saved.open("wb") as file:
        for chunk in engine.images.get(image).save():
            file.write(chunk)
    with tarfile.open(saved) as archive:
        archive.extractall(folder, filter="data")
    (listed,) = json.loads((folder / "manifest.json").read_text("utf-8"))
    config = json.loads((folder / listed["Config"]).read_text("utf-8"))
    labels = config["config"].get("Labels") or {}
    config["config"]["Labels"] = labels | {"stackproof.served": secrets.token_hex(4)}
    changed = folder / "config.json"
    changed.write_text(json.dumps(config), "utf-8")
    layers = [described(folder / name, _LAYER) for name in listed["Layers"]]
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": described(changed, _CONFIG),
        "layers": layers,
    }
    files = [changed, *(folder / name for name in listed["Layers"])]
    digests = [str(row["digest"]) for row in (manifest["config"], *layers)]
    return Served(
        manifest=json.dumps(manifest).encode(),
        blobs=dict(zip(digests, files, strict=True)),
    )


def described(file: Path, media_type: str) -> dict[str, Any]:
    """Return a file as a manifest lists it."""
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    size = file.stat().st_size
    return {"mediaType": media_type, "size": size, "digest": f"sha256:{digest}"}


class Answers(BaseHTTPRequestHandler):
    """As much of the registry's protocol as a pull needs."""

    def __init__(self, *args: Any, served: Served) -> None:
        self.served = served
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer with the manifest or with a blob."""
        if "/manifests/" in self.path:
            self._head(_MANIFEST, len(self.served.manifest))
            if self.command == "GET":
                self.wfile.write(self.served.manifest)
        elif "/blobs/" in self.path:
            file = self.served.blobs[self.path.rpartition("/")[2]]
            self._head("application/octet-stream", file.stat().st_size)
            if self.command == "GET":
                with file.open("rb") as opened:
                    shutil.copyfileobj(opened, self.wfile)
        else:
            self._head("application/json", 0)

    def do_HEAD(self) -> None:
        """Answer the same without a body."""
        self.do_GET()

    def _head(self, media_type: str, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(size))
        self.send_header("Docker-Content-Digest", self.served.digest)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Keep quiet: the engine first tries TLS, which is a bad request here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """An image that came from a registry."""

    name: str
    digest: str


@pytest.fixture
def pulled(engine: DockerClient, tmp_path: Path) -> Iterator[Pulled]:
    """Pull a base image from a registry on this host, which ends with the test."""
    served = kept(engine, BASE, tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Answers, served=served)) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        repository = f"127.0.0.1:{http.server_port}/office"
        try:
            engine.images.pull(repository, tag="1")
        finally:
            http.shutdown()
            thread.join()
    try:
        yield Pulled(name=repository, digest=served.digest)
    finally:
        engine.images.remove(f"{repository}:1")


def test_tag_of_a_registry_turns_red(
    foreign: Callable[..., Outcome], pulled: Pulled
) -> None:
    """Only where it is named by its tag; a digest and an image of this host pass."""

    def defect(document: dict[str, Any]) -> None:
        services = document["services"]
        services["desk"]["image"] = f"{pulled.name}:1"
        services["scribe"]["image"] = f"{pulled.name}@{pulled.digest}"

    outcome = foreign("office", defect, select=("SECURITY", "OPS-01"), strict=True)

    assert outcome.failed == {("SECURITY-20", "desk")}, str(outcome)
    (found,) = outcome.of("SECURITY-20", "desk")
    assert f"{pulled.name}:1@{pulled.digest}" in found.finding.message
    assert len(outcome.of("SECURITY-20")) == 3

"""Tests of versions: tags, commits and the working tree, with a made-up engine."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound

from capacity.errors import VersionUnusable
from capacity.versions import Version, find_version

SERVICES = ("websocket-ingestion", "enrichment-pipeline", "admin-api")


class FakeEngine:
    """An engine's images; what the fake `docker` has built is there too."""

    def __init__(self, *tags: str, built: Path | None = None) -> None:
        self.images = self
        self._tags = set(tags)
        self._built = built

    def _all(self) -> set[str]:
        built = self._built.read_text().split() if self._built else []
        return self._tags | set(built)

    def get(self, name: str) -> Any:
        """Return an image."""
        if name not in self._all():
            raise ImageNotFound(name)
        return SimpleNamespace(id=f"sha256:{name}")

    def list(self, name: str) -> list[Any]:
        """Return all images of a repository."""
        tags = [tag for tag in self._all() if tag.partition(":")[0] == name]
        return [SimpleNamespace(tags=tags)]


def engine_of(*tags: str, built: Path | None = None) -> DockerClient:
    """Return an engine in which all services have these tags."""
    whole = [f"ha-ingestor/{service}:{tag}" for service in SERVICES for tag in tags]
    return cast("DockerClient", FakeEngine(*whole, built=built))


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `docker` on PATH that writes down tags, and the pin that it has seen."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (tmp_path / "tags").touch()
    program = programs / "docker"
    program.write_text(
        "#!/bin/sh\n"
        "for word; do\n"
        f'[ "$before" = --tag ] && echo "$word" >> {tmp_path}/tags\n'
        'before="$word"\n'
        "done\n"
        f'cat "$word/constraints.txt" >> {tmp_path}/pins\n'
        f"! test -e {tmp_path}/broken || {{ echo no space left; exit 3; }}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.defpath}:/usr/bin:/bin")
    return tmp_path


def find(engine: DockerClient, name: str, repository: Path) -> Version:
    """Find a version without a word."""
    return find_version(engine, name, repository=repository, said=lambda _text: None)


def test_a_tag_is_what_is_there(tmp_path: Path) -> None:
    """Nothing is built; the one-shot of the database runs it too."""
    found = find(engine_of("0.1.0"), "0.1.0", tmp_path)

    assert found.ids["admin-api"] == "sha256:ha-ingestor/admin-api:0.1.0"
    assert set(found.ids) == set(SERVICES)
    assert set(found.images) == {*SERVICES, "influxdb-init"}
    assert found.images["influxdb-init"] == "ha-ingestor/enrichment-pipeline:0.1.0"


def test_an_unknown_version_names_the_tags(repository: Path) -> None:
    """What to do, and what there is."""
    with pytest.raises(VersionUnusable) as caught:
        find(engine_of("0.1.0", "dev"), "0.9", repository)

    assert "neither a tag of our images nor a commit" in str(caught.value)
    assert "`make setup`" in str(caught.value)
    assert "tags here: 0.1.0, dev" in str(caught.value)


def test_a_tag_of_some_services_only_is_said(repository: Path) -> None:
    """Old images of the others would be compared without a word."""
    engine = FakeEngine("ha-ingestor/admin-api:dev")

    with pytest.raises(
        VersionUnusable, match="none of websocket-ingestion, enrichment-pipeline"
    ):
        find(cast("DockerClient", engine), "dev", repository)


def test_a_commit_is_built_from_its_own_files(repository: Path, docker: Path) -> None:
    """With its pins; the working tree is left alone, and so is what is built."""
    engine = engine_of(built=docker / "tags")
    found = find(engine, "HEAD", repository)

    assert found.tag.startswith("gate-")
    assert set((docker / "pins").read_text().split()) == {"pin==1"}
    built = (docker / "tags").read_text().split()
    assert built[:2] == [
        f"ha-ingestor/python:{found.tag}-runtime",
        f"ha-ingestor/python:{found.tag}-build",
    ]
    assert len(built) == 5
    assert (repository / "constraints.txt").read_text() == "pin==2\n"

    assert find(engine, "HEAD", repository) == found
    assert len((docker / "tags").read_text().split()) == 5


def test_the_working_tree_is_built_each_time(repository: Path, docker: Path) -> None:
    """From the files as they are."""
    engine = engine_of(built=docker / "tags")
    for _ in range(2):
        found = find(engine, ".", repository)

    assert found.tag == "gate-tree"
    assert set((docker / "pins").read_text().split()) == {"pin==2"}
    assert len((docker / "tags").read_text().split()) == 10


def test_a_build_that_fails_shows_its_end(repository: Path, docker: Path) -> None:
    """The last lines of the log are in the message."""
    (docker / "broken").touch()

    with pytest.raises(VersionUnusable, match="ended with 3:\nno space left"):
        find(engine_of(built=docker / "tags"), ".", repository)

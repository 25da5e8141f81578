"""Evidence is kept as far as it can be had, and gaps are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docker.errors import NotFound

from stackproof.compose import Compose
from stackproof.events import Event, Timeline
from stackproof.evidence import NOT_OBSERVED, StackEvidence
from stackproof.testing import Answer

PS = json.dumps({"ID": "1", "Name": "demo-web-1", "Service": "web", "State": "running"})
CONFIG = json.dumps(
    {"name": "demo", "services": {"web": {"environment": {"TOKEN": "hush"}}}}
)
LOGS = ("logs", "--no-color", "--timestamps", "--tail", "200", "web")
TIMELINE = Timeline(
    events=(Event(time_ns=5, service="web", container="1", action="start"),)
)

FakeCompose = Callable[..., Compose]


def inspect(container: str) -> dict[str, Any]:
    """Answer as the engine would."""
    return {"Id": container, "Config": {"Env": ["TOKEN=hush"]}}


def test_all_pieces_are_written(fake_compose: FakeCompose, tmp_path: Path) -> None:
    """Each piece has a file, and no file holds a secret."""
    stack = fake_compose(
        {
            ("ps", "--all", "--format=json"): Answer(stdout=PS),
            ("config", "--format=json"): Answer(stdout=CONFIG),
            LOGS: Answer(stdout="web-1 | hello\n"),
        }
    )
    source = StackEvidence(compose=stack, inspect=inspect, timeline=lambda: TIMELINE)

    kept = source.collect(tmp_path / "run" / "test")

    texts = {file.name: file.read_text() for file in kept.folder.iterdir()}
    assert sorted(texts) == [
        "config.json",
        "events.jsonl",
        "inspect.json",
        "ps.txt",
        "web.log",
    ]
    assert "hush" not in "".join(texts.values())
    assert "running" in texts["ps.txt"]
    assert "hello" in texts["web.log"]
    assert json.loads(texts["events.jsonl"])["action"] == "start"
    assert json.loads(texts["inspect.json"])["demo-web-1"]["Id"] == "1"
    assert str(kept) == str(tmp_path / "run" / "test")


def test_missing_piece_is_named(fake_compose: FakeCompose, tmp_path: Path) -> None:
    """A piece that fails does not stop the others, and a file tells why."""

    def gone(container: str) -> None:
        raise NotFound(container)

    stack = fake_compose(
        {
            ("ps", "--all", "--format=json"): Answer(stdout=PS),
            ("config", "--format=json"): Answer(stdout=CONFIG),
            LOGS: Answer(stderr="no such container", returncode=1),
        }
    )

    kept = StackEvidence(compose=stack, inspect=gone).collect(tmp_path)

    assert kept.not_observed == ("inspect.json", "web.log")
    assert "no such container" in (tmp_path / NOT_OBSERVED).read_text()
    assert (tmp_path / "ps.txt").exists()
    assert str(kept).endswith("(not observed: inspect.json, web.log)")


def test_broken_project_leaves_a_note(
    fake_compose: FakeCompose, tmp_path: Path
) -> None:
    """With nothing to be had, the note is all there is, and nothing is raised."""
    bad = Answer(stderr="yaml: line 3", returncode=15)
    stack = fake_compose(
        {
            ("ps", "--all", "--format=json"): bad,
            ("config", "--format=json"): bad,
        }
    )

    kept = StackEvidence(compose=stack, inspect=inspect).collect(tmp_path)

    assert set(kept.not_observed) == {"ps.txt", "config.json", "inspect.json", "logs"}
    assert "yaml: line 3" in (tmp_path / NOT_OBSERVED).read_text()

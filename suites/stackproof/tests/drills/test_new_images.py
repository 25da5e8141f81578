"""Tests of `stackproof.drills.new_images`."""

from __future__ import annotations

from typing import Any

from stackproof.drills.new_images import with_images


def test_images_are_replaced_and_never_made() -> None:
    """Nothing is built or pulled, and what was given is left alone."""
    document: dict[str, Any] = {
        "services": {
            "web": {"image": "w:1", "build": {"context": "."}, "pull_policy": "always"},
            "db": {"image": "d:1", "user": "db"},
        }
    }

    made = with_images(document, {"w:1": "run:0", "d:1": "run:1"})

    assert made == {
        "services": {"web": {"image": "run:0"}, "db": {"image": "run:1", "user": "db"}}
    }
    assert document["services"]["db"]["image"] == "d:1"


def test_what_compose_printed_can_be_read_again() -> None:
    """A limit of zero, which Compose does not print, is there again."""
    document = {"services": {"web": {"image": "w", "ulimits": {"core": {}}}}}

    made = with_images(document, {"w": "run:0"})

    assert made["services"]["web"]["ulimits"] == {"core": {"soft": 0, "hard": 0}}

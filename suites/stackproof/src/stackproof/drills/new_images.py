"""Give every service another image that holds the same: an update without a change."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ..compose import Compose
from ..verify.isolate import restore_zeros
from ..verify.stack import Stack
from ..verify.vantage import LABEL

_FILE = "compose-new-images.json"


@contextmanager
def new_images(stack: Stack) -> Iterator[Compose]:
    """Return the project with images that differ from the real ones by a label.

    The images belong to the run and are removed with its stack, as containers may still
    be made of them when this ends.
    """
    project = stack.compose.project
    names: dict[str, str] = {}
    for service in stack.model.services.values():
        if service.image not in names:
            names[service.image] = _relabelled(stack, service.image, len(names))
    file = stack.folder / _FILE
    file.touch(mode=0o600)
    try:
        document = with_images(stack.document, names)
        file.write_text(json.dumps(document), "utf-8")
        yield replace(stack.compose, project=project, files=(file,))
    finally:
        file.unlink(missing_ok=True)


def with_images(document: Any, names: dict[str, str]) -> dict[str, Any]:
    """Return a configuration with other images; nothing is built or pulled (pure)."""
    made: dict[str, Any] = copy.deepcopy(dict(document))
    for service in (made.get("services") or {}).values():
        service["image"] = names[service["image"]]
        service.pop("build", None)
        service.pop("pull_policy", None)
        restore_zeros(service)
    return made


def _relabelled(stack: Stack, image: str, number: int) -> str:
    """Make a new image of an old one; an image without a command can be used too."""
    api = stack.engine.api
    project = stack.compose.project
    made = api.create_container(image, command=["-"], labels={LABEL: project})
    try:
        api.commit(
            made["Id"],
            repository=f"stackproof/{project}",
            tag=str(number),
            changes=f"LABEL {LABEL}={project}",
            conf=_config(stack, image),
        )
    finally:
        api.remove_container(made["Id"], v=True, force=True)
    return f"stackproof/{project}:{number}"


def _config(stack: Stack, image: str) -> dict[str, Any]:
    """Return the configuration of an image; commit would take the container's."""
    config: dict[str, Any] = stack.engine.images.get(image).attrs.get("Config") or {}
    labels = {**(config.get("Labels") or {}), LABEL: stack.compose.project}
    return {**config, "Labels": labels}

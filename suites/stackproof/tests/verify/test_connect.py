"""What a run needs of the engine is asked for before anything starts."""

from __future__ import annotations

from typing import cast

import pytest
from docker import DockerClient
from docker.errors import ImageNotFound

from stackproof.errors import UsageError
from stackproof.verify.connect import need_image


class Images:
    """An engine with one image."""

    @property
    def images(self) -> Images:
        """All of them."""
        return self

    def get(self, name: str) -> str:
        """Answer as the engine does."""
        if name != "python:3":
            raise ImageNotFound(name)
        return name


def test_helper_image() -> None:
    """A missing image is named, with the option that asks for it."""
    engine = cast("DockerClient", Images())

    need_image(engine, "python:3")
    with pytest.raises(UsageError, match=r"--helper-image nope: .* no such image"):
        need_image(engine, "nope")

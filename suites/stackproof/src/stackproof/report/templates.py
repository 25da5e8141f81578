"""The templates of this package, all under the same rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .gauges import human_bytes

if TYPE_CHECKING:
    from jinja2 import Template


def template(name: str, **filters: Callable[..., object]) -> Template:
    """Return a template; what it names and does not get is an error."""
    from jinja2 import (  # noqa: PLC0415 - slow, and only a report needs it
        Environment,
        PackageLoader,
        StrictUndefined,
    )

    environment = Environment(
        loader=PackageLoader("stackproof.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(bytes=human_bytes, **filters)
    return environment.get_template(name)

"""pytest plugin: the command-line options of all suites that use the reference stack.

Load it with `-p reference_stack.options`.
"""

from __future__ import annotations

import pytest

from .project import SourceKind

pytest_plugins = ("reference_stack.promises",)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--source` and `--non-destructive`."""
    group = parser.getgroup("reference stack")
    group.addoption(
        "--non-destructive",
        action="store_true",
        help="leave out compiled checks that disturb or stop a service",
    )
    group.addoption(
        "--source",
        type=SourceKind,
        choices=list(SourceKind),
        default=SourceKind.SIMULATOR,
        help="what plays Home Assistant (default: %(default)s)",
    )

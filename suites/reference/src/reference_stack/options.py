"""pytest plugin: the command-line options of all suites that use the reference stack.

Load it with `-p reference_stack.options`.
"""

from __future__ import annotations

import pytest

from .project import SourceKind


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--source`."""
    parser.getgroup("reference stack").addoption(
        "--source",
        type=SourceKind,
        choices=list(SourceKind),
        default=SourceKind.SIMULATOR,
        help="what plays Home Assistant (default: %(default)s)",
    )

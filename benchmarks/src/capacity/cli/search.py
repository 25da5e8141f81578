"""`capacity run`: where the runner goes in."""

from __future__ import annotations

import argparse

from ..errors import NotBuilt

__all__ = ["search"]


def search(args: argparse.Namespace) -> int:
    """Search the capacity and write its report.

    The runner asks `capacity.search` for trials, makes them, and ends with
    `capacity.report.folder.new_folder` and `write`.

    Raises:
        NotBuilt: there is no runner yet.
    """
    raise NotBuilt(f"the runner of `capacity run --profile {args.profile}`")

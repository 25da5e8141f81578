"""Exit 0 if a URL answers 200, 1 with one line if not: for container health checks.

Usage: `python -m ha_simulator.probe URL`
"""

from __future__ import annotations

import sys
from urllib.error import URLError
from urllib.request import urlopen

_SECONDS = 3.0


def main(url: str) -> int:
    """Ask once; return the exit code."""
    try:
        with urlopen(url, timeout=_SECONDS):  # noqa: S310 - our own health endpoint
            return 0
    except (URLError, OSError) as error:
        print(f"{url}: {error}")  # noqa: T201 - the engine keeps this line
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

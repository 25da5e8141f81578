"""Exit codes, and a parser that says what is wrong in one line."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

__all__ = ["ERROR", "INTERRUPTED", "PASS", "UNDECIDED", "WORSE", "CommandParser"]

PASS = 0
WORSE = 1
ERROR = 2
UNDECIDED = 3
INTERRUPTED = 130


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong in one line and where the help is; ends with 2."""

    def error(self, message: str) -> NoReturn:
        """End the process."""
        sys.stderr.write(f"capacity: {message}\nsee `{self.prog} --help`\n")
        raise SystemExit(ERROR)

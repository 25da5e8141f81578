"""Read and write report.json, and say what to do where that fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec

from ..errors import DocumentUnusable
from .report import SCHEMA_VERSION, Report

__all__ = ["REPORT_JSON", "decode", "encode", "read"]

REPORT_JSON: Final = "report.json"
_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<where>.*)`)?$", re.DOTALL)


class _Versioned(msgspec.Struct):
    schema_version: int


def read(path: Path) -> Report:
    """Return the document in a run's folder, or in the file that is named.

    Raises:
        DocumentUnusable: there is none, or it is not of this version's shape.
    """
    file = path / REPORT_JSON if path.is_dir() else path
    try:
        content = file.read_bytes()
    except FileNotFoundError as err:
        raise DocumentUnusable(
            str(file),
            "there is no such file",
            fix="name the folder of a run, or its report.json",
        ) from err
    except OSError as err:
        raise DocumentUnusable(
            str(file), f"cannot be read: {err.strerror}", fix="check its rights"
        ) from err
    return decode(content, origin=str(file))


def decode(content: bytes, *, origin: str) -> Report:
    """Return the document that JSON holds.

    Raises:
        DocumentUnusable: it is no JSON, of another version, or has a wrong key.
    """
    _need_version(content, origin)
    try:
        return msgspec.json.decode(content, type=Report)
    except msgspec.ValidationError as err:
        found = _PLACE.match(str(err))
        what, where = (found["what"], found["where"]) if found else (str(err), None)
        raise DocumentUnusable(
            origin,
            what,
            key=(where or "").lstrip("."),
            fix="correct the key by report.schema.json, or make the report again",
        ) from err


def encode(report: Report) -> bytes:
    """Return the document as JSON that people can read, with a last line end."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"


def _need_version(content: bytes, origin: str) -> None:
    try:
        version = msgspec.json.decode(content, type=_Versioned).schema_version
    except msgspec.ValidationError as err:
        raise DocumentUnusable(
            origin,
            "is no capacity report: a whole number is expected",
            key="schema_version",
            fix="name the report.json of a capacity run",
        ) from err
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise DocumentUnusable(
            origin, f"is not JSON: {err}", fix="name the report.json of a capacity run"
        ) from err
    if version > SCHEMA_VERSION:
        raise DocumentUnusable(
            origin,
            f"was written by a newer version ({version}; this one reads "
            f"{SCHEMA_VERSION})",
            key="schema_version",
            fix="use the version of capacity that wrote it, or a later one",
        )
    if version < SCHEMA_VERSION:
        raise DocumentUnusable(
            origin,
            f"was written by an older version ({version}; this one reads "
            f"{SCHEMA_VERSION})",
            key="schema_version",
            fix="read it with the commit in its run.git.commit, or measure again",
        )

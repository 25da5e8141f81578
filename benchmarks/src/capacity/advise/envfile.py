"""Put limits into an environment file: all or none, and nothing else changes."""

from __future__ import annotations

import difflib
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import EnvFileUnusable
from .needs import Need

__all__ = ["Change", "changed_text", "changes_for", "diff", "read_env", "replace_file"]

_LINE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)")
_SIZE: Final = re.compile(
    r"(?P<amount>\d+(?:\.\d+)?)(?P<unit>[bkmg]|[kmg]i?b)?", re.IGNORECASE
)
_UNITS: Final = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A variable that gets another value."""

    variable: str
    old: str
    new: str


def read_env(path: Path) -> str:
    """Return the text of an environment file.

    Raises:
        EnvFileUnusable: it is absent, no file, or no text.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as err:
        raise EnvFileUnusable(
            str(path), "there is no such file", fix="copy stack/.env.production there"
        ) from err
    except UnicodeDecodeError as err:
        raise EnvFileUnusable(
            str(path), "is not text in UTF-8", fix="name an environment file"
        ) from err
    except OSError as err:
        raise EnvFileUnusable(
            str(path), f"cannot be read: {err.strerror}", fix="name an environment file"
        ) from err


def changes_for(
    text: str, needs: Iterable[Need], *, shrink: bool, file: str
) -> tuple[Change, ...]:
    """Return what has to change; without *shrink* nothing gets smaller (pure).

    Raises:
        EnvFileUnusable: a variable is absent, there twice, or has no usable value.
    """
    found = []
    for need in needs:
        if not need.variable:
            continue
        old = _value_of(text, need.variable, file)
        now, wanted = _quantity(old, need, file), need.value
        if wanted > now * (1 + 1e-9) or (shrink and wanted < now * (1 - 1e-9)):
            found.append(Change(variable=need.variable, old=old, new=_written(need)))
    return tuple(found)


def changed_text(text: str, changes: Iterable[Change]) -> str:
    """Return the file with the new values; all else stays to the byte (pure)."""
    new: Mapping[str, str] = {change.variable: change.new for change in changes}
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        body = line.rstrip("\r\n")
        found = _LINE.fullmatch(body)
        if found is not None and found["name"] in new:
            comment = _comment(found["value"])
            end = line[len(body) :]
            lines[index] = f"{found['name']}={new[found['name']]}{comment}{end}"
    return "".join(lines)


def diff(before: str, after: str, *, file: str) -> str:
    """Return what changes as a unified diff (pure)."""
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            fromfile=file,
            tofile=f"{file} (new)",
            n=1,
        )
    )


def replace_file(path: Path, text: str) -> None:
    """Replace a file in one step, with its rights; a link stays a link.

    Raises:
        EnvFileUnusable: it cannot be replaced; it is as it was.
    """
    target = path.resolve()
    try:
        rights = target.stat()
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as err:
        raise _not_written(path, err) from err
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(stat.S_IMODE(rights.st_mode))
        if (rights.st_uid, rights.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(fresh, rights.st_uid, rights.st_gid)
        fresh.replace(target)
    except OSError as err:
        fresh.unlink(missing_ok=True)
        raise _not_written(path, err) from err


def _not_written(path: Path, err: OSError) -> EnvFileUnusable:
    return EnvFileUnusable(
        str(path),
        f"cannot be written: {err.strerror}",
        fix="check the rights of the file and of its folder",
    )


def _value_of(text: str, variable: str, file: str) -> str:
    values = [
        found["value"]
        for line in text.splitlines()
        if (found := _LINE.fullmatch(line)) is not None and found["name"] == variable
    ]
    if not values:
        raise EnvFileUnusable(
            file,
            f"has no line {variable}=",
            fix="take the line over from stack/.env.production",
        )
    if len(values) > 1:
        raise EnvFileUnusable(
            file, f"sets {variable} {len(values)} times", fix="keep one of the lines"
        )
    value = values[0]
    return value[: len(value) - len(_comment(value))].strip()


def _comment(value: str) -> str:
    """Return the comment behind a value, with the space before it."""
    found = re.search(r"\s+#.*$", value)
    return found.group() if found else ""


def _quantity(value: str, need: Need, file: str) -> float:
    """Return what a value stands for, in the unit of the need."""
    found = _SIZE.fullmatch(value.strip("'\""))
    sized = need.variable.endswith(("MEMORY_LIMIT", "GO_MEMORY"))
    if found is None or (found["unit"] and not sized):
        raise EnvFileUnusable(
            file,
            f"{need.variable}={value} is not understood",
            fix="write a size such as 512M" if sized else "write a number such as 0.5",
        )
    unit = (found["unit"] or "")[:1].lower()
    return float(found["amount"]) * (_UNITS[unit] if sized else 1)


def _written(need: Need) -> str:
    """Return the value as the file's reference writes it."""
    if need.variable == "INFLUXDB_GO_MEMORY":
        return f"{need.value / (1 << 20):.0f}MiB"
    if need.variable.endswith("MEMORY_LIMIT"):
        mebibytes = round(need.value / (1 << 20))
        return f"{mebibytes // 1024}G" if mebibytes % 1024 == 0 else f"{mebibytes}M"
    if need.variable.endswith("CPU_LIMIT"):
        text = f"{need.value:.2f}".rstrip("0")
        return f"{text}0" if text.endswith(".") else text
    return f"{need.value:.0f}"

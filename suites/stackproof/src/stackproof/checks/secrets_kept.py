"""Whether declared secrets stay where they were put."""

from __future__ import annotations

import io
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from .. import sdk
from ..check import Claim, Finding, Subject, Verdict, failed, passed, undecided
from ..contract.source import Contract
from ..verify.stack import Stack
from .exposure import secret_values
from .granted import grants
from .leaks import Secret, judge_leaks, plain_words, visible_places

_LARGEST_SECRET = 64 * 1024
_LINES = 5000


def with_secrets(contract: Contract) -> Iterator[Claim]:
    """Ask of each service, where the file declares secrets."""
    if not contract.document.get("secrets"):
        return
    for name in contract.model.services:
        yield Claim(
            subject=Subject(service=name),
            label=name,
            promised="no declared secret is visible",
        )


def leaks(claim: Claim, stack: Stack) -> Finding:
    """Look for the values of all declared secrets."""
    known, unread = stack.once("secrets", lambda: _secrets(stack))
    places: dict[str, str] = {}
    for row in stack.containers(claim.subject.service):
        for place, text in visible_places(row.attrs).items():
            places[place] = places.get(place, "") + text
        places["the logs"] = places.get("the logs", "") + _log(stack, row.id)
    finding = judge_leaks(known, places)
    if finding.verdict is Verdict.PASS and unread:
        return undecided(f"cannot read the secrets {', '.join(unread)}")
    return finding


def logged_variables(claim: Claim, stack: Stack) -> Finding:
    """Look for the values of secret variables in the logs."""
    service = stack.model.services[claim.subject.service or ""]
    values = secret_values(service.declared.get("environment"))
    known = [Secret(name=name, value=value) for name, value in values.items()]
    rows = stack.containers(service.name)
    return judge_leaks(known, {"the logs": "".join(_log(stack, r.id) for r in rows)})


def _log(stack: Stack, container: str) -> str:
    try:
        text = stack.engine.api.logs(container, tail=_LINES)
    except sdk.DockerException:
        return ""  # the driver keeps nothing that can be read, so nothing is shown
    return bytes(text).decode("utf-8", "replace")


def _secrets(stack: Stack) -> tuple[list[Secret], list[str]]:
    """Return all secrets that can be read, and the names of the others."""
    known, unread = [], []
    words = plain_words(stack.contract.document)
    for name, defined in (stack.contract.document.get("secrets") or {}).items():
        value = _value(stack, name, defined or {})
        if value is None:
            unread.append(name)
        elif value and value.lower() not in words:
            known.append(Secret(name=name, value=value))
    return known, unread


def _value(stack: Stack, name: str, defined: dict[str, str]) -> str | None:
    if file := defined.get("file"):
        try:
            raw = Path(file).read_bytes()[:_LARGEST_SECRET]
        except OSError:
            return None
        return raw.decode("utf-8", "replace").strip()
    for service in stack.contract.model.services.values():
        for grant in grants(service.declared, stack.contract.document):
            if grant.kind == "secrets" and grant.source == name:
                return _from_container(stack, service.name, grant.target)
    return ""  # nobody is granted it, so Compose does not even look for it


def _from_container(stack: Stack, service: str, target: str) -> str | None:
    try:
        chunks, _ = stack.engine.api.get_archive(stack.container(service).id, target)
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            member = archive.next()
            file = archive.extractfile(member) if member else None
            raw = file.read(_LARGEST_SECRET) if file else b""
    except (sdk.DockerException, tarfile.TarError):
        return None
    return raw.decode("utf-8", "replace").strip()


def secret_files(contract: Contract) -> Iterator[Claim]:
    """Ask for each secret that is a file."""
    for name, defined in (contract.document.get("secrets") or {}).items():
        if (defined or {}).get("file"):
            yield Claim(
                subject=Subject(key=f"secrets.{name}"),
                label=name,
                promised="not for everybody on the host",
                keys=(f"secrets.{name}.file",),
                detail=str(defined["file"]),
            )


def secret_mode(claim: Claim, _stack: Stack) -> Finding:
    """Judge who may read the file."""
    path = Path(str(claim.detail))
    try:
        modes = [part.stat().st_mode for part in (path, *path.resolve().parents)]
    except OSError as err:
        return undecided(f"cannot look at the file: {err.strerror}")
    return judge_modes(modes)


def judge_modes(modes: list[int]) -> Finding:
    """Judge the mode of a file and of all folders above it (pure)."""
    own, above = modes[0], modes[1:]
    if own & stat.S_IWOTH:
        return failed(
            f"mode {stat.S_IMODE(own):04o}", "Everybody on the host can change it."
        )
    if own & stat.S_IROTH and all(mode & stat.S_IXOTH for mode in above):
        return failed(
            f"mode {stat.S_IMODE(own):04o}, and everybody may enter its folder",
            "Everybody on the host can read it: `chmod 700` the folder, or take the "
            "right to read from others.",
        )
    return passed(f"mode {stat.S_IMODE(own):04o}")

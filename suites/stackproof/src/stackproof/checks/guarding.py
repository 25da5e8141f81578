"""What the checks of SECURITY ask of a file, and how they look at a stack."""

from __future__ import annotations

import io
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from docker.errors import DockerException, ImageNotFound

from ..check import Claim, Finding, Subject, Verdict, failed, passed, undecided
from ..contract.source import Contract
from ..model import Service
from ..verify.stack import Stack
from .confined import (
    NAMESPACES,
    devices,
    judge_capabilities,
    judge_devices,
    judge_groups,
    judge_namespace,
    judge_privileged,
    judge_read_only,
    judge_security_option,
    judge_user,
    runs_as_root,
    security_options,
    split_option,
)
from .exposure import judge_confinement, judge_digest, secret_values
from .granted import grants
from .leaks import Secret, judge_leaks, plain_words, visible_places
from .processes import Observed, ended_well, observe_service

Claims = Callable[[Contract], Iterator[Claim]]
_LARGEST_SECRET = 64 * 1024
_LINES = 5000


def declaring(*keys: str, label: str = "") -> Claims:
    """Return a claim for each service that declares one of some keys."""

    def claims(contract: Contract) -> Iterator[Claim]:
        for name, service in contract.model.services.items():
            there = tuple(
                key
                for key in keys
                if service.declared.get(key) not in (None, [], {}, "")
            )
            if there:
                value = service.declared[there[0]]
                yield Claim(
                    subject=Subject(service=name, key=there[0]),
                    label=f"{name}{label}",
                    promised=f"{there[0]}: {value}",
                    keys=there,
                )

    return claims


def privileged_claims(contract: Contract) -> Iterator[Claim]:
    """Ask of each service: what is not declared is not privileged."""
    for name, service in contract.model.services.items():
        there = service.declared.get("privileged") is not None
        yield Claim(
            subject=Subject(service=name, key="privileged" if there else None),
            label=name,
            promised="privileged"
            if service.declares("privileged")
            else "no privileges",
        )


def option_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each entry of `security_opt`."""
    for name, service in contract.model.services.items():
        for number, option in enumerate(service.declared.get("security_opt") or ()):
            text = ": ".join(split_option(str(option)))
            short = text if len(text) < 60 else f"{text[:57]}…"
            yield Claim(
                subject=Subject(service=name, key="security_opt"),
                label=f"{name}: {short} ({number})",
                promised=short,
                detail=str(option),
            )


def namespace_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each declared namespace mode."""
    for name, service in contract.model.services.items():
        for key in NAMESPACES:
            if mode := service.declared.get(key):
                yield Claim(
                    subject=Subject(service=name, key=key),
                    label=f"{name}: {key}",
                    promised=f"{key}: {mode}",
                    detail=key,
                )


def services(what: str) -> Claims:
    """Return a claim for each service."""

    def claims(contract: Contract) -> Iterator[Claim]:
        for name in contract.model.services:
            yield Claim(subject=Subject(service=name), label=name, promised=what)

    return claims


def of_file(judge: Callable[[Service], Finding]) -> Callable[[Claim, Stack], Finding]:
    """Return a judge of the declared service alone."""

    def judged(claim: Claim, stack: Stack) -> Finding:
        return judge(stack.contract.model.services[claim.subject.service or ""])

    return judged


def of_containers(
    judge: Callable[[Service, Observed], Finding],
) -> Callable[[Claim, Stack], Finding]:
    """Return a judge of the declared service and each of its containers."""

    def judged(claim: Claim, stack: Stack) -> Finding:
        service = stack.contract.model.services[claim.subject.service or ""]
        return each(stack, service.name, lambda one: judge(service, one))

    return judged


def each(stack: Stack, service: str, judge: Callable[[Observed], Finding]) -> Finding:
    """Judge all containers of a service; return the first that does not pass."""
    finding = undecided(f"{service} has no container")
    for one in observe_service(stack, service, _paths(stack, service)):
        finding = judge(one)
        if finding.verdict is not Verdict.PASS:
            return finding
        if one.inside is None and not ended_well(stack, service):
            stands = stack.look().rows[service].reason
            return undecided(f"{service} does not run: {stands}")
    return finding


def _paths(stack: Stack, service: str) -> list[str]:
    declared = stack.contract.model.services[service].declared
    return [target for _, target, _ in devices(declared)]


user = of_containers(judge_user)
capabilities = of_containers(judge_capabilities)
privileged = of_containers(judge_privileged)
read_only = of_containers(judge_read_only)
given_devices = of_containers(judge_devices)
groups = of_containers(judge_groups)


def security_option(claim: Claim, stack: Stack) -> Finding:
    """Judge one entry of `security_opt`."""
    option = str(claim.detail)
    service = claim.subject.service or ""
    return each(stack, service, lambda one: judge_security_option(option, one))


def namespace(claim: Claim, stack: Stack) -> Finding:
    """Judge one namespace mode."""
    key = str(claim.detail)
    service = stack.contract.model.services[claim.subject.service or ""]
    kind, _, other = str(service.declared[key]).partition(":")
    peer = None
    if kind == "service" and other in stack.model.services:
        peer = next(iter(observe_service(stack, other)), None)
    return each(
        stack, service.name, lambda one: judge_namespace(key, service, one, peer)
    )


def no_root(claim: Claim, stack: Stack) -> Finding:
    """Judge whether anything runs as root."""

    def judge(one: Observed) -> Finding:
        names = runs_as_root(one)
        if names:
            return failed(
                f"root: {', '.join(names)}",
                "Set `user`, or let the image change to a user of its own.",
            )
        return passed("nothing runs as root")

    return each(stack, claim.subject.service or "", judge)


def measure(name: str) -> Callable[[Claim, Stack], Finding]:
    """Return a judge of one measure that is good practice."""

    def taken(one: Observed) -> bool:
        host = one.container.host_config
        if name == "capabilities":
            return "ALL" in {str(n).upper() for n in host.get("CapDrop") or ()}
        if name == "read-only":
            return bool(host.get("ReadonlyRootfs"))
        return ("no-new-privileges", "true") in map(split_option, security_options(one))

    def judged(claim: Claim, stack: Stack) -> Finding:
        rows = stack.containers(claim.subject.service)
        seen = [Observed(container=row, inside=None) for row in rows]
        return judge_confinement(name, {o.container.name: taken(o) for o in seen})

    return judged


def digest(claim: Claim, stack: Stack) -> Finding:
    """Judge whether an image of a registry is pinned."""
    service = stack.contract.model.services[claim.subject.service or ""]
    own = str(stack.container(service.name).attrs.get("Image") or "")
    try:
        attrs = stack.engine.images.get(own).attrs
    except ImageNotFound:
        return undecided("the image of the container is gone")
    return judge_digest(service, list(attrs.get("RepoDigests") or ()))


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
    except DockerException:
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
    except (DockerException, tarfile.TarError):
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

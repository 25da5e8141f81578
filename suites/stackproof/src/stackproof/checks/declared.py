"""What the checks of CONFIG ask of a file, and how they judge it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ..check import Claim, Finding, Subject, failed, passed, undecided
from ..contract.source import Contract
from ..model import Attachment, Mount, Service
from ..verify.stack import Stack
from .collisions import judge_address, judge_ports, port_range
from .hostfiles import (
    expects_file,
    judge_bind,
    judge_build,
    judge_env_file,
    judge_made_folder,
    judge_source,
    makes_folder,
)
from .ignored import ignored_keys, old_keys, old_top_level
from .placeholders import empty_names, is_placeholder, placeholders
from .spelling import pairs
from .written import (
    Use,
    bare_names,
    env_files,
    has_own_default,
    may_be_missing,
    unset_variables,
    uses,
    written_services,
)

_FIRST_BYTES = 200
_CONTENT = "TOKEN"
"""A secret's content is judged as a variable of this name."""


def _service(claim: Claim, stack: Stack) -> Service:
    return stack.contract.model.services[claim.subject.service or ""]


def services(what: str, key: str | None = None) -> Callable[..., Iterator[Claim]]:
    """Return a claim for each service; `key` limits it to those that have it."""

    def claims(contract: Contract) -> Iterator[Claim]:
        for name, service in contract.model.services.items():
            if key is None or service.declared.get(key):
                yield Claim(
                    subject=Subject(service=name, key=key), label=name, promised=what
                )

    return claims


def valid(contract: Contract) -> Iterator[Claim]:
    """Claim that the files can be read: others never come so far."""
    names = ", ".join(path.name for path in contract.compose.files)
    yield Claim(
        subject=Subject(), label=names or "the files", promised="valid for Compose"
    )


def judge_valid(_claim: Claim, stack: Stack) -> Finding:
    """Say what was read."""
    count = len(stack.contract.model.services)
    return passed(f"Compose reads it: {count} service(s)", services=count)


def used_variables(contract: Contract) -> Iterator[Claim]:
    """Ask for each variable that has no default, at each service that uses it."""
    found: dict[tuple[str, str], list[Use]] = {}
    extensions: dict[str, list[Use]] = {}
    for document in contract.written.values():
        for use in uses(document):
            if not use.service and use.place.startswith("x-"):
                extensions.setdefault(use.name, []).append(use)
            else:
                known = use.service in contract.model.services
                place = (use.service if known else "", use.name)
                found.setdefault(place, []).append(use)
    seen = {name for _, name in found}
    hidden = set(extensions) | unset_variables(contract.warnings)
    found |= {("", name): extensions.get(name, []) for name in sorted(hidden - seen)}
    for (service, name), places in found.items():
        where = ", ".join(sorted({use.place for use in places if use.place}))
        yield Claim(
            subject=Subject(service=service or None),
            label=f"{service or 'file'}: ${{{name}}}",
            promised=f"{name} is set" + (f" (used in {where})" if where else ""),
            detail=name,
        )


def judge_set(claim: Claim, stack: Stack) -> Finding:
    """Judge by what Compose said while it read."""
    name = str(claim.detail)
    if name in unset_variables(stack.contract.warnings):
        return failed(
            f"{name} is not set",
            "Compose put an empty text in its place: set it in .env or in the "
            f"environment, give it a default with ${{{name}:-…}}, or demand it with "
            f"${{{name}:?…}}.",
        )
    return passed(f"{name} is set")


def bare_variables(contract: Contract) -> Iterator[Claim]:
    """Ask for each variable that the file names without a value."""
    for name, service in contract.model.services.items():
        found = {
            variable: None
            for written in written_services(contract.written, name)
            for variable in bare_names(written.get("environment"))
            if "$" not in variable
        }
        effective = pairs(service.declared.get("environment"))
        found |= {n: None for n, value in effective.items() if value is None}
        for variable in found:
            yield Claim(
                subject=Subject(service=name, key=f"environment.{variable}"),
                label=f"{name}: {variable}",
                promised=f"{variable} comes from the caller's environment",
                detail=variable,
            )


def judge_bare(claim: Claim, stack: Stack) -> Finding:
    """Judge by the effective configuration."""
    name = str(claim.detail)
    effective = pairs(_service(claim, stack).declared.get("environment"))
    if effective.get(name) is not None:
        return passed(f"{name} has a value")
    if may_be_missing(name):
        return passed(f"{name} is handed on where it is set")
    return failed(
        f"nothing sets {name}",
        "The container has no such variable: set it where Compose is called or in "
        ".env, or write a value into the file.",
    )


def env_file_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each file of variables."""
    files = contract.compose.files
    folder = files[0].resolve().parent if files else Path()
    for name in contract.model.services:
        found: dict[str, bool] = {}
        for written in written_services(contract.written, name):
            found |= dict(env_files(written))
        for entry, required in found.items():
            if "$" not in entry:
                yield Claim(
                    subject=Subject(service=name, key="env_file"),
                    label=f"{name}: {entry}",
                    promised="is there" if required else "may be there",
                    detail=(folder / entry, required),
                )


def judge_env(claim: Claim, _stack: Stack) -> Finding:
    """Look for the file."""
    if not isinstance(claim.detail, tuple):
        raise TypeError(f"{claim.label} holds no path")
    path, required = claim.detail
    return judge_env_file(path, required=required)


def judge_built(claim: Claim, stack: Stack) -> Finding:
    """Look for context and Dockerfile."""
    return judge_build(_service(claim, stack).declared["build"])


def _binds(contract: Contract) -> Iterator[tuple[str, int, Mount]]:
    for name, service in contract.model.services.items():
        for number, mount in enumerate(service.mounts):
            if mount.kind == "bind" and mount.source:
                yield name, number, mount


def bind_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each path of the host."""
    for name, number, mount in _binds(contract):
        yield Claim(
            subject=Subject(service=name, key=f"volumes[{number}].source"),
            label=f"{name}: {mount.source} on {mount.target}",
            promised=f"{mount.source} can be mounted",
            keys=(f"volumes[{number}].bind.create_host_path",),
            detail=mount,
        )


def judge_mounted(claim: Claim, _stack: Stack) -> Finding:
    """Look for the path."""
    return judge_bind(_mount(claim))


def made_folder_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each path that the engine would make."""
    for name, number, mount in _binds(contract):
        if makes_folder(mount) and not expects_file(mount):
            yield Claim(
                subject=Subject(service=name, key=f"volumes[{number}].source"),
                label=f"{name}: {mount.source} on {mount.target}",
                promised=f"{mount.source} is there before the start",
                detail=mount,
            )


def judge_made(claim: Claim, _stack: Stack) -> Finding:
    """Look for the path."""
    return judge_made_folder(_mount(claim))


def _mount(claim: Claim) -> Mount:
    if not isinstance(claim.detail, Mount):
        raise TypeError(f"{claim.label} holds no mount")
    return claim.detail


def source_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each secret and config of the file."""
    for kind in ("secrets", "configs"):
        for name, defined in (contract.document.get(kind) or {}).items():
            yield Claim(
                subject=Subject(key=f"{kind}.{name}"),
                label=f"{kind.removesuffix('s')} {name}",
                promised="can be had",
                detail=(kind.removesuffix("s"), name, defined or {}),
            )


def judge_had(claim: Claim, stack: Stack) -> Finding:
    """Look for the source."""
    if not isinstance(claim.detail, tuple):
        raise TypeError(f"{claim.label} holds no definition")
    kind, name, defined = claim.detail
    problem = stack.start_problem or ""
    if not defined.get("file") and f'{kind} "{name}"' in problem:
        return failed(problem, f"Set what {name} is made from.")
    return judge_source(kind, name, defined)


def port_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for the host ports of each service."""
    for name, service in contract.model.services.items():
        ports = [str(p) for p in service.ports if port_range(p.published)]
        if ports:
            yield Claim(
                subject=Subject(service=name),
                label=name,
                promised=f"can have {', '.join(ports[:6])}",
            )


def judge_host_ports(claim: Claim, stack: Stack) -> Finding:
    """Compare with all other services."""
    return judge_ports(stack.contract.model, claim.subject.service or "")


def address_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each static address."""
    for name, service in contract.model.services.items():
        for place in service.networks:
            key = f"networks.{place.network}"
            keys = tuple(
                f"{key}.{field}"
                for field, value in (
                    ("ipv4_address", place.ipv4),
                    ("ipv6_address", place.ipv6),
                )
                if value
            )
            if keys:
                yield Claim(
                    subject=Subject(service=name, key=keys[0]),
                    label=f"{name} in {place.network}",
                    promised=" ".join(filter(None, (place.ipv4, place.ipv6))),
                    keys=keys,
                    detail=place,
                )


def judge_static(claim: Claim, stack: Stack) -> Finding:
    """Compare with the declared ranges and all other services."""
    if not isinstance(claim.detail, Attachment):
        raise TypeError(f"{claim.label} holds no attachment")
    model = stack.contract.model
    return judge_address(model, claim.subject.service or "", claim.detail)


def judge_empty(claim: Claim, stack: Stack) -> Finding:
    """Find empty variables."""
    service = _service(claim, stack)
    meant = {
        name
        for written in written_services(stack.contract.written, service.name)
        for name, value in pairs(written.get("environment")).items()
        if value is not None and has_own_default(value)
    }
    names = empty_names(pairs(service.declared.get("environment")), frozenset(meant))
    if names:
        return failed(
            f"empty: {', '.join(names)}",
            "Give them a value, leave them out, or write ${NAME:-} to say that empty "
            "is meant.",
            variables=len(names),
        )
    return passed("no empty variable")


def judge_placeholders(claim: Claim, stack: Stack) -> Finding:
    """Find values that were never filled in; they are not quoted."""
    if claim.subject.service is None:
        return _placeholder_file(Path(str(claim.detail)))
    service = _service(claim, stack)
    names = placeholders(pairs(service.declared.get("environment")))
    if names:
        return failed(
            f"placeholder or example in {', '.join(names)}",
            "Put the real value there; a default password is known to everybody.",
            variables=len(names),
        )
    return passed("no placeholder")


def _placeholder_file(path: Path) -> Finding:
    try:
        raw = path.read_bytes()[:_FIRST_BYTES]
    except OSError as err:
        return undecided(f"cannot read the file: {err.strerror}")
    if is_placeholder(_CONTENT, raw.decode("utf-8", "replace")):
        return failed("holds a placeholder", "Put the real value into the file.")
    return passed("no placeholder")


def filled_in(contract: Contract) -> Iterator[Claim]:
    """Ask of each service's variables, and of each secret's file."""
    for name, service in contract.model.services.items():
        if service.declared.get("environment"):
            yield Claim(
                subject=Subject(service=name),
                label=name,
                promised="no value is a placeholder",
            )
    for name, defined in (contract.document.get("secrets") or {}).items():
        if (defined or {}).get("file"):
            yield Claim(
                subject=Subject(key=f"secrets.{name}.file"),
                label=f"secret {name}",
                promised="its content is no placeholder",
                detail=str(defined["file"]),
            )


def old(contract: Contract) -> Iterator[Claim]:
    """Ask of the file and of each service."""
    yield Claim(subject=Subject(), label="the file", promised="no old key")
    yield from services("no old key")(contract)


def judge_old(claim: Claim, stack: Stack) -> Finding:
    """List old keys."""
    contract = stack.contract
    if claim.subject.service is None:
        found = old_top_level(contract.written, contract.warnings)
    else:
        found = old_keys(_service(claim, stack))
    if found:
        return failed("; ".join(found), "Write it the way that is not on its way out.")
    return passed("no old key")


def judge_ignored(claim: Claim, stack: Stack) -> Finding:
    """List what Compose passes over."""
    found = ignored_keys(_service(claim, stack), stack.contract.document)
    if found:
        return failed(
            f"without effect: {'; '.join(found)}",
            "Compose says nothing and does nothing: leave it out, or declare what is "
            "meant in another way.",
        )
    return passed("nothing is passed over")

"""What CONFIG asks of variables, and how it judges them.

Values are never quoted: they may be secret.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..check import Claim, Finding, Subject, failed, passed, undecided
from ..contract.source import Contract
from ..verify.stack import Stack
from .hostfiles import (
    judge_env_file,
)
from .per_service import declared_service
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
    effective = pairs(declared_service(claim, stack).declared.get("environment"))
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


def judge_empty(claim: Claim, stack: Stack) -> Finding:
    """Find empty variables."""
    service = declared_service(claim, stack)
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
    service = declared_service(claim, stack)
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

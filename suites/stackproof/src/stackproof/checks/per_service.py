"""Claims that are alike in many families: one a service, or one for the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..check import Claim, Subject
from ..contract.source import Contract
from ..model import Service
from ..verify.stack import Stack

Claims = Callable[[Contract], Iterator[Claim]]


def service_of(claim: Claim) -> str:
    """Return the service that a claim is about."""
    return claim.subject.service or ""


def declared_service(claim: Claim, stack: Stack) -> Service:
    """Return the same service as it is declared."""
    return stack.contract.model.services[service_of(claim)]


def services(what: str, key: str | None = None) -> Claims:
    """Return a claim for each service; `key` limits it to those that have it."""

    def claims(contract: Contract) -> Iterator[Claim]:
        for name, service in contract.model.services.items():
            if key is None or service.declared.get(key):
                yield Claim(
                    subject=Subject(service=name, key=key), label=name, promised=what
                )

    return claims


def long_running(what: str, key: str | None = None) -> Claims:
    """Return a claim for each service that is meant to stay."""

    def claims(contract: Contract) -> Iterator[Claim]:
        for name, service in contract.model.services.items():
            if name in contract.model.long_running and service.replicas:
                subject = Subject(service=name, key=key)
                yield Claim(subject=subject, label=name, promised=what)

    return claims


def file_claim(label: str, promised: str) -> Claims:
    """Return one claim for the whole file."""

    def claims(_contract: Contract) -> Iterator[Claim]:
        yield Claim(subject=Subject(), label=label, promised=promised)

    return claims

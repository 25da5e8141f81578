"""Observe what DISCOVERY claims on a stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from ..check import Claim, Finding, Verdict, passed, undecided
from ..drills.recreate import recreate
from ..errors import ProbeError
from ..model import Port
from ..names import Pair, expected, judge_names, networks_of
from ..sight import HOST, Reached, Sight, View, need, sight
from ..verify.stack import Stack
from .attached import judge_attached
from .own_names import judge_own_names
from .ports import Offered, bindings, judge_listens, judge_published
from .reaching import (
    Target,
    absent_services,
    all_names,
    bound,
    callers,
    forbidden,
    knocks,
    reach,
    references_of,
)
from .references import Reference, judge_reference


def has_ended(seen: Sight, *services: str) -> Finding | None:
    """Return a finding for a case in which a service has ended as it should."""
    for service in services:
        if seen.ended_by_design(service):
            return passed(f"{service} has ended as it should, so nobody asks")
    return None


def judge_finds(claim: Claim, stack: Stack) -> Finding:
    """Judge whether a service finds a peer by all of its names."""
    pair = cast("Pair", claim.detail)
    seen = sight(stack)
    ended = has_ended(seen, pair.viewer, pair.peer)
    if ended:
        return ended
    stack.running(pair.peer)
    report = need(reach(stack).reports.get(pair.viewer), pair.viewer)
    finding = judge_names(
        pair,
        report.resolved,
        {
            name: expected(seen.model, seen.addresses, pair.viewer, name)
            for name in pair.names
        },
    )
    return _of_steady(finding, pair.peer, stack)


def judge_finds_again(claim: Claim, stack: Stack) -> Finding:
    """Judge the same after all containers were made again."""
    pair = cast("Pair", claim.detail)
    done = recreate(stack)
    for service in (pair.viewer, pair.peer):
        if service in done.lost:
            return undecided(
                f"{service} did not come back after it was made again: "
                f"{done.lost[service]}"
            )
    ended = has_ended(done.seen, pair.viewer, pair.peer)
    if ended:
        return ended
    for service in (pair.viewer, pair.peer):
        if not done.seen.running(service):
            return undecided(f"{service} does not run, neither before nor after")
    report = need(done.reports.get(pair.viewer), pair.viewer)
    before = done.before.everywhere(pair.peer)
    after = done.seen.everywhere(pair.peer)
    finding = judge_names(
        pair,
        report.resolved,
        {
            name: expected(done.seen.model, done.seen.addresses, pair.viewer, name)
            for name in pair.names
        },
        before,
    )
    finding = _of_steady(finding, pair.peer, stack)
    if finding.verdict is Verdict.UNKNOWN:
        return finding
    moved = "a new address" if set(before) - set(after) else "the same address"
    return Finding(
        verdict=finding.verdict,
        observed=f"{pair.peer} has {moved}: {finding.observed}",
        message=finding.message,
        facts={**finding.facts, "address_changed": bool(set(before) - set(after))},
    )


def _of_steady(finding: Finding, peer: str, stack: Stack) -> Finding:
    """Leave open what was missed of a service that keeps ending: it comes and goes."""
    stood = stack.look().sound_services if stack.expected is None else stack.expected
    loops = any(row.restart_count for row in stack.containers(peer))
    if finding.verdict is Verdict.FAIL and loops and peer not in stood:
        return undecided(
            f"{peer} is started again and again, and has its names only while it "
            "runs: see OPS-10"
        )
    return finding


def judge_attachment(claim: Claim, stack: Stack) -> Finding:
    """Judge the networks of each container of a service."""
    service = stack.model.services[str(claim.subject.service)]
    return _worst(
        [
            judge_attached(service, stack.model, row)
            for row in sight(stack).containers
            if row.service == service.name
        ]
    )


def judge_called(claim: Claim, stack: Stack) -> Finding:
    """Judge the names of each container of a service."""
    service = stack.model.services[str(claim.subject.service)]
    seen = sight(stack)
    findings = []
    for row in seen.containers:
        if row.service == service.name:
            view = seen.views.get(row.id, View(problem="does not run"))
            hosts = None if view.problem else view.hosts
            finding = judge_own_names(service, row, hosts)
            findings.append(finding)
    return _worst(findings)


def _worst(findings: list[Finding]) -> Finding:
    if not findings:
        raise ProbeError("inspect", "there is no container")
    return next((one for one in findings if one.message), findings[0])


def judge_port(claim: Claim, stack: Stack) -> Finding:
    """Judge whether a declared port accepts connections."""
    name, port = str(claim.subject.service), cast("Offered", claim.detail)
    seen = sight(stack)
    ended = has_ended(seen, name)
    if ended:
        return ended
    stack.running(name)
    reports = reach(stack).reports
    reached = {}
    if port.protocol == "tcp" and not port.is_range:
        reached = {
            who: {
                address: got
                for address in addresses
                if (got := reports[who].reached.get((address, port.first)))
            }
            for who, addresses in callers(seen, name).items()
            if who in reports
        }
    view = seen.view(name) or View(problem="it does not run")
    return judge_listens(port, view, reached)


def numbered(
    reached: Mapping[Target, Reached],
) -> dict[tuple[str, int], Reached]:
    """Leave out what was tried at the run's own listener."""
    return {
        (address, port): got
        for (address, port), got in reached.items()
        if isinstance(port, int)
    }


def running_port(declared: Port, ports: Iterable[Port]) -> Port:
    """Return the port of a copy that stands for a declared one (pure).

    In a copy the engine chooses the host's ports: two that differ only there are one.
    """
    same = (declared.target, declared.protocol, declared.host_ip)
    return next(
        (p for p in ports if (p.target, p.protocol, p.host_ip) == same), declared
    )


def judge_host_port(claim: Claim, stack: Stack) -> Finding:
    """Judge whether the host offers a published port."""
    name, index = str(claim.subject.service), cast("int", claim.detail)
    service = stack.model.services[name]
    declared = stack.contract.model.services[name].ports[index]
    port = running_port(declared, service.ports) if stack.owned else declared
    seen = sight(stack)
    if seen.ended_by_design(name):
        return _judge_bound(port, stack, name)
    stack.running(name)
    report = reach(stack).reports.get(HOST)
    view = seen.view(name)
    reached = {} if report is None else dict(need(report, "the host").reached)
    return judge_published(
        port,
        bound(seen, service, port),
        numbered(reached),
        forbidden=forbidden(seen, port),
        listens=bool(view and not view.problem and view.listening(port.target)),
    )


def _judge_bound(port: Port, stack: Stack, name: str) -> Finding:
    """Judge a port of a container that has ended: the engine keeps what it was told."""
    row = stack.container(name)
    asked = row.host_config.get("PortBindings") or {}
    attrs: dict[str, Any] = {"NetworkSettings": {"Ports": asked}}
    if f"{port.target}/{port.protocol}" not in asked:
        return judge_published(port, (), {}, forbidden=(), listens=False)
    return (
        judge_published(port, bindings(attrs, port), {}, forbidden=(), listens=False)
        if bindings(attrs, port)
        else passed("any port, while it runs")
    )


def judge_named(claim: Claim, stack: Stack) -> Finding:
    """Judge whether a server that the environment names is there."""
    name, variable = str(claim.subject.service), cast("Reference", claim.detail)
    seen = sight(stack)
    ended = has_ended(seen, name)
    if ended:
        return ended
    if variable not in references_of(
        stack.model.services[name], seen.model, absent_services(stack)
    ):
        return undecided(f"{variable.variable} has another value in what runs")
    for service in seen.model.services:
        if service == variable.host and not seen.running(service):
            return has_ended(seen, service) or undecided(f"{service} does not run")
    report = need(reach(stack).reports.get(name), name)
    unshared = (
        variable.host
        if variable.host in seen.model.services
        and not networks_of(seen.model, name) & networks_of(seen.model, variable.host)
        else None
    )
    return judge_reference(
        variable,
        report.found.get(variable.host, ()),
        {
            address: report.reached[address, port]
            for address, port in knocks(seen, name, variable)
            if (address, port) in report.reached
        },
        names=all_names(seen.model),
        unshared=unshared,
    )

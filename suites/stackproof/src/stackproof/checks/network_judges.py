"""Observe what DISCOVERY claims about networks, and about who is kept apart."""

from __future__ import annotations

from typing import Any

from .. import sdk
from ..check import Claim, Finding, passed
from ..names import networks_of
from ..sight import HOST, need, sight
from ..verify.stack import Stack
from .attached import judge_network
from .discovery_judges import has_ended, numbered
from .isolation import (
    Inside,
    doors,
    isolates,
    judge_apart,
    judge_no_way_out,
    only_internal,
)
from .reaching import (
    door,
    reach,
)


def judge_stranger(claim: Claim, stack: Stack) -> Finding:
    """Judge whether two services without a common network are apart."""
    one, other = str(claim.subject.service), str(claim.subject.peer)
    seen = sight(stack)
    ended = has_ended(seen, one, other)
    if ended:
        return ended
    stack.running(one)
    stack.running(other)
    if not (isolates(seen.model, one) and isolates(seen.model, other)):
        return passed("the driver of a network decides about that, not the engine")
    reports = reach(stack).reports
    control = need(reports.get(other), other).reached
    mine = need(reports.get(one), one).reached
    knocked = tuple(
        found
        for port in door(seen, other)
        for found in doors(
            seen.everywhere(other),
            port,
            numbered(control),
        )
    )
    return judge_apart(
        one,
        other,
        knocked,
        numbered(mine),
    )


def _network(stack: Stack, name: str) -> dict[str, Any] | None:
    engine_name = stack.model.networks[name].engine_name
    try:
        return dict(stack.engine.api.inspect_network(engine_name))
    except sdk.NotFound:
        return None


def _unused(stack: Stack, name: str) -> Finding | None:
    if any(name in networks_of(stack.model, one) for one in stack.model.services):
        return None
    return passed("no service is in it, so Compose makes none")


def judge_network_made(claim: Claim, stack: Stack) -> Finding:
    """Judge whether the engine's network is as declared."""
    name = str(claim.detail)
    unused = _unused(stack, name)
    if unused:
        return unused
    declared = (stack.document.get("networks") or {}).get(name) or {}
    return judge_network(name, declared, _network(stack, name))


def judge_internal(claim: Claim, stack: Stack) -> Finding:
    """Judge whether an internal network has no way out."""
    name = str(claim.detail)
    unused = _unused(stack, name)
    if unused:
        return unused
    done = reach(stack)
    seen = done.seen
    within = [
        service
        for service in seen.model.services
        if name in networks_of(seen.model, service)
        and only_internal(seen.model, service)
        and seen.running(service)
    ]
    tried, control = {}, None
    if done.outside is not None:
        knock = (done.outside, "listener")
        for service in within:
            report = need(done.reports.get(service), service)
            if knock in report.reached:
                tried[service] = report.reached[knock]
        control = need(done.reports.get(HOST), "the host").reached.get(knock)
    engine = {
        place: stack.engine.api.inspect_network(place)
        for service in within
        for row in seen.running(service)
        for place in row.networks
    }
    inside = Inside(
        views={service: view for service in within if (view := seen.view(service))},
        open_networks={
            service: place
            for service in within
            for row in seen.running(service)
            for place in row.networks
            if place != stack.model.networks[name].engine_name
            and not engine[place].get("Internal")
        },
        tried=tried,
        control=control,
        subnets=tuple(
            str(row["Subnet"])
            for attrs in engine.values()
            if attrs.get("Internal")
            for row in (attrs.get("IPAM") or {}).get("Config") or ()
            if row.get("Subnet")
        ),
    )
    marked = bool((_network(stack, name) or {}).get("Internal"))
    return judge_no_way_out(name, inside, marked=marked)

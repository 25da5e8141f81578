"""Which names a service has in which network, and who has to find it (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .check import Finding, failed, passed
from .model import Service, StackModel

_SHARES = "service:"
_LONGEST_CHAIN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A service, another one in one of its networks, and the names of that one."""

    viewer: str
    peer: str
    names: tuple[str, ...]


def home(model: StackModel, name: str) -> str | None:
    """Return the service whose network namespace a service lives in.

    That is itself, or another one with `network_mode: service:…`; None where it is the
    host's, nobody's, or that of a container beside the project.
    """
    for _ in range(_LONGEST_CHAIN):
        service = model.services.get(name)
        if service is None:
            return None
        mode = service.network_mode
        if mode is None or not mode.startswith(_SHARES):
            return name if service.networks else None
        name = mode.removeprefix(_SHARES)
    return None


def networks_of(model: StackModel, name: str) -> frozenset[str]:
    """Return the networks that a service can see, also through another one."""
    at = home(model, name)
    if at is None:
        return frozenset()
    return frozenset(one.network for one in model.services[at].networks)


def shared(model: StackModel, one: str, other: str) -> frozenset[str]:
    """Return the networks that two services can both see."""
    return networks_of(model, one) & networks_of(model, other)


def names_on(service: Service, network: str) -> tuple[str, ...]:
    """Return all names that a service declares for one of its networks."""
    own = [service.name]
    for attachment in service.networks:
        if attachment.network == network:
            own += attachment.aliases
    fixed = service.declares("container_name")
    return tuple(dict.fromkeys([*own, *([str(fixed)] if fixed else [])]))


def linked(service: Service) -> tuple[tuple[str, str], ...]:
    """Return service and name of each `links` entry."""
    found = []
    for entry in service.declares("links") or ():
        target, _, name = str(entry).partition(":")
        found.append((target, name or target))
    return tuple(found)


def stays(model: StackModel, name: str) -> bool:
    """Tell whether a service is declared to have a container that stays."""
    service = model.services.get(name)
    return service is not None and service.replicas > 0 and name in model.long_running


def pairs(model: StackModel) -> Iterator[Pair]:
    """Yield each service that stays, with each peer that it has to find by name."""
    for viewer, service in model.services.items():
        if not stays(model, viewer):
            continue
        for peer, other in model.services.items():
            both = shared(model, viewer, peer)
            same = home(model, viewer) == home(model, peer)
            if same or not both or not stays(model, peer) or home(model, peer) != peer:
                continue
            names = [
                name for network in sorted(both) for name in names_on(other, network)
            ]
            names += [name for target, name in linked(service) if target == peer]
            yield Pair(viewer=viewer, peer=peer, names=tuple(dict.fromkeys(names)))


def strangers(model: StackModel) -> Iterator[tuple[str, str]]:
    """Yield each ordered pair of services that have networks and share none."""
    for one in model.services:
        for other in model.services:
            if not (networks_of(model, one) and networks_of(model, other)):
                continue
            staying = stays(model, one) and stays(model, other)
            own = home(model, one) == one and home(model, other) == other
            if one != other and own and staying and not shared(model, one, other):
                yield one, other


def expected(
    model: StackModel,
    addresses: Mapping[tuple[str, str], tuple[str, ...]],
    viewer: str,
    name: str,
) -> frozenset[str]:
    """Return the addresses that a name may resolve to for one service.

    Args:
        model: what is declared.
        addresses: service and network to the addresses there.
        viewer: who asks.
        name: what for.
    """
    found: set[str] = set()
    links = {name: target for target, name in linked(model.services[viewer])}
    for network in networks_of(model, viewer):
        for service in model.services.values():
            if name in names_on(service, network) or links.get(name) == service.name:
                found.update(addresses.get((service.name, network), ()))
    return frozenset(found)


def judge_names(
    pair: Pair,
    answers: Mapping[str, tuple[str, ...]],
    allowed: Mapping[str, frozenset[str]],
    old: Iterable[str] = (),
) -> Finding:
    """Judge the answers of the engine's name server.

    Args:
        pair: who asked for whom.
        answers: name to addresses; empty where there was none.
        allowed: name to the addresses of those that declare it.
        old: addresses that the peer no longer has.
    """
    for name in pair.names:
        got = answers.get(name, ())
        shown = ", ".join(got)
        if not got:
            return failed(
                f"{name} does not resolve in {pair.viewer}",
                f"{pair.viewer} cannot find {pair.peer} as {name!r}: see whether both "
                f"are connected to the network, and {pair.peer} under this name "
                "(`docker inspect`); make them again with `docker compose up`.",
            )
        stale = sorted(set(got) & set(old) - allowed[name])
        if stale:
            return failed(
                f"{name} resolves to {shown}",
                f"{', '.join(stale)} is where {pair.peer} was before: the engine's "
                "name server is not up to date; restart the network or the engine.",
            )
        foreign = sorted(set(got) - allowed[name])
        if foreign:
            return failed(
                f"{name} resolves to {shown}",
                f"{', '.join(foreign)} belongs to no service that declares the name "
                f"{name!r}: something else has taken it in the network.",
            )
    told = "; ".join(f"{name} is {', '.join(answers[name])}" for name in pair.names)
    return passed(told, names_resolved=len(pair.names))

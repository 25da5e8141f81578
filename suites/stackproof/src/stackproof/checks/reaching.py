"""Try everything that the networks of a stack allow or forbid, in one go."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from ..errors import WaitTimeout
from ..model import Port, Service, StackModel
from ..names import (
    expected,
    home,
    linked,
    names_on,
    networks_of,
    shared,
    strangers,
)
from ..sight import (
    HOST,
    Errand,
    Report,
    Sight,
    merged,
    names_errands,
    run_errands,
    sight,
)
from ..verify.stack import Stack
from ..wait import wait_until
from .isolation import door_ports, isolates, only_internal, outside
from .ports import (
    EVERY_ADDRESS,
    NO_PEER_TO_PEER,
    Binding,
    bindings,
    elsewhere,
    offered,
)
from .references import Reference, references

READY_SECONDS = 5.0
"""So long a server without health check may take until it listens."""
_EVERY_SECONDS = 0.5
Target = tuple[str, int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What all errands came to.

    Attributes:
        outside: the address of the host on which a listener waited.
    """

    seen: Sight
    reports: Mapping[str, Report]
    outside: str | None = None


def reach(stack: Stack) -> Round:
    """Return the round that all checks of the LOOK phase share."""
    return stack.once("network: round", lambda: _reach(stack))


def _reach(stack: Stack) -> Round:
    seen = sight(stack)
    wanted = merged(
        (
            names_errands(seen),
            _reference_errands(stack, seen),
            _apart_errands(seen),
            _no_way_out_errands(stack, seen),
        )
    )
    patient = merged((_peer_errands(seen), _published_errands(seen)))
    reports = run_errands(stack, seen, merged((wanted, patient)))
    reports = _again(stack, seen, patient, reports)
    listen = wanted[HOST].listen if HOST in wanted else None
    return Round(seen=seen, reports=reports, outside=listen)


def _again(
    stack: Stack,
    seen: Sight,
    patient: Mapping[str, Errand],
    reports: dict[str, Report],
) -> dict[str, Report]:
    """Try again what did not get through: a server may not have been ready."""

    def missing() -> dict[str, Errand]:
        return {
            place: replace(errand, connect=late)
            for place, errand in patient.items()
            if place in reports
            and (
                late := tuple(
                    target
                    for target in errand.connect
                    if (got := reports[place].reached.get(target)) is not None
                    and (not got.accepted or (got.closed and place == HOST))
                )
            )
        }

    def observe() -> int:
        left = missing()
        if left:
            for place, report in run_errands(stack, seen, left).items():
                known = reports[place]
                both = {**known.reached, **report.reached}
                reports[place] = replace(known, reached=both)
        return len(missing())

    def all_through(left: int) -> bool:
        return left == 0

    try:
        wait_until(observe, all_through, timeout=READY_SECONDS, every=_EVERY_SECONDS)
    except WaitTimeout:
        return reports
    return reports


def callers(seen: Sight, service: str) -> dict[str, tuple[str, ...]]:
    """Return who has to reach a service, and at which addresses.

    That is every running service that shares a network with it, or the service itself
    where there is none. Networks that forbid talk among their members are left out.
    """
    model = seen.model
    at = home(model, service)
    if at is None:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for other in model.services:
        if home(model, other) == at or not seen.running(other):
            continue
        addresses = tuple(
            address
            for network in sorted(shared(model, other, at))
            if _talks(model, network)
            for address in seen.on(at, network)
        )
        if addresses:
            found[other] = addresses
    own = seen.everywhere(at)
    return found or ({service: own} if own and seen.running(service) else {})


def _talks(model: StackModel, network: str) -> bool:
    declared = model.networks[network].driver_opts if network in model.networks else {}
    return str(declared.get(NO_PEER_TO_PEER, "true")).lower() != "false"


def _peer_errands(seen: Sight) -> dict[str, Errand]:
    return merged(
        {who: Errand(connect=tuple((address, port.first) for address in addresses))}
        for service in seen.model.services.values()
        for port in offered(service)
        if port.protocol == "tcp" and not port.is_range
        for who, addresses in callers(seen, service.name).items()
    )


def _published_errands(seen: Sight) -> dict[str, Errand]:
    targets = tuple(_published(seen))
    return {HOST: Errand(connect=targets)} if targets else {}


def _published(seen: Sight) -> Iterator[Target]:
    for service in seen.model.services.values():
        reserved = {n for one in offered(service) if one.is_range for n in one.ports}
        for port in service.ports:
            for one in bound(seen, service, port):
                tried = port.protocol == "tcp" and port.target not in reserved
                if tried and one.target is not None:
                    yield one.target, one.port


def bound(seen: Sight, service: Service, port: Port) -> tuple[Binding, ...]:
    """Return where the engine offers a port, for all containers of a service."""
    return tuple(
        one for row in seen.running(service.name) for one in bindings(row.attrs, port)
    )


def forbidden(seen: Sight, port: Port) -> tuple[str, ...]:
    """Return addresses of the host where a port must not be offered."""
    host = seen.views.get(HOST)
    if host is None or port.protocol != "tcp" or port.host_ip in EVERY_ADDRESS:
        return ()
    same = {
        other.host_ip
        for service in seen.model.services.values()
        for other in service.ports
        if other.published == port.published or other.target == port.target
    }
    if same & EVERY_ADDRESS:
        return ()
    return tuple(a for a in elsewhere(host.addresses, port.host_ip) if a not in same)


def _apart_errands(seen: Sight) -> dict[str, Errand]:
    model = seen.model
    found: list[dict[str, Errand]] = []
    for one, other in strangers(model):
        if not (isolates(model, one) and isolates(model, other)):
            continue
        targets = tuple(
            (address, port)
            for address in seen.everywhere(other)
            for port in door(seen, other)
        )
        found.append({one: Errand(connect=targets), other: Errand(connect=targets)})
    for service in model.services.values():
        for port in service.ports:
            places = tuple(
                (address, one.port)
                for one in bound(seen, service, port)
                for address in forbidden(seen, port)
            )
            if places:
                found.append({HOST: Errand(connect=places)})
    return merged(found)


def door(seen: Sight, service: str) -> tuple[int, ...]:
    """Return the port at which others knock to see whether they get through."""
    declared = [port.first for port in offered(seen.model.services[service])]
    return door_ports(seen.view(service), declared)


def _no_way_out_errands(stack: Stack, seen: Sight) -> dict[str, Errand]:
    model = seen.model
    inside = [name for name in model.services if only_internal(model, name)]
    host = seen.views.get(HOST)
    if not inside or host is None:
        return {}
    used = [
        str(row["Subnet"])
        for name in {net for one in inside for net in networks_of(model, one)}
        for found in stack.engine.api.networks(names=[model.networks[name].engine_name])
        for row in (found.get("IPAM") or {}).get("Config") or ()
        if row.get("Subnet")
    ]
    address = outside(host.addresses, used)
    if address is None:
        return {}
    knock: tuple[Target, ...] = ((address, "listener"),)
    return {
        HOST: Errand(connect=knock, listen=address),
        **{name: Errand(connect=knock) for name in inside},
    }


def all_names(model: StackModel) -> frozenset[str]:
    """Return every name that a service of the file can be called by."""
    return frozenset(
        name
        for service in model.services.values()
        for network in networks_of(model, service.name) or {""}
        for name in names_on(service, network)
    )


def references_of(
    service: Service, model: StackModel, absent: Collection[str]
) -> tuple[Reference, ...]:
    """Return the servers that a service's environment names."""
    known = all_names(model) | {name for _, name in linked(service)}
    return tuple(references(service.declares("environment"), known, absent))


def knocks(seen: Sight, service: str, reference: Reference) -> tuple[Target, ...]:
    """Return where to try a reference; nowhere if the port is declared over there.

    A declared port is judged with the service that declares it.
    """
    port = reference.port
    if port is None:
        return ()
    for other in seen.model.services.values():
        names = {
            name
            for network in networks_of(seen.model, other.name)
            for name in names_on(other, network)
        }
        if reference.host in names and any(port in one.ports for one in offered(other)):
            return ()
    allowed = expected(seen.model, seen.addresses, service, reference.host)
    return tuple((address, port) for address in sorted(allowed))


def _reference_errands(stack: Stack, seen: Sight) -> dict[str, Errand]:
    absent = absent_services(stack)
    found = {}
    for service in seen.model.services.values():
        named = references_of(service, seen.model, absent)
        if named:
            found[service.name] = Errand(
                lookup=tuple(dict.fromkeys(one.host for one in named)),
                connect=tuple(
                    target
                    for one in named
                    for target in knocks(seen, service.name, one)
                ),
            )
    return found


def absent_services(stack: Stack) -> frozenset[str]:
    """Return services that the files have and the run does not."""
    return written_services(stack.contract.written.values()) - set(stack.model.services)


def written_services(written: Collection[Mapping[str, object]]) -> frozenset[str]:
    """Return all services of some files, whatever their profiles (pure)."""
    return frozenset(
        str(name)
        for document in written
        for services in [document.get("services")]
        if isinstance(services, Mapping)
        for name in services
    )

"""Which service needs which, and in what order that puts them (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..model import Service, StackModel

Needs = Mapping[str, frozenset[str]]
_JOINS = ("network_mode", "pid", "ipc")


def needs(model: StackModel) -> Needs:
    """Return what each service depends on, itself and unknown ones left out."""
    return {
        name: frozenset(
            edge.service
            for edge in service.depends_on
            if edge.service in model.services and edge.service != name
        )
        for name, service in model.services.items()
    }


def joined(service: Service) -> frozenset[str]:
    """Return the services whose namespaces a service joins.

    It cannot start without them, and has lost the namespace when they start again.
    """
    modes = (str(service.declares(key) or "") for key in _JOINS)
    return frozenset(
        mode.removeprefix("service:") for mode in modes if mode.startswith("service:")
    )


def all_needs(needed: Needs, name: str) -> frozenset[str]:
    """Return what a service depends on, directly or through others."""
    found: set[str] = set()
    rest = set(needed.get(name, ()))
    while rest:
        found |= rest
        rest = {below for one in rest for below in needed.get(one, ())} - found
    return frozenset(found - {name})


def layers(names: Iterable[str], needed: Needs) -> tuple[tuple[str, ...], ...]:
    """Return services in layers: each needs only services of layers before its own."""
    rest = set(names)
    found: list[tuple[str, ...]] = []
    while rest:
        free = {name for name in rest if not all_needs(needed, name) & (rest - {name})}
        layer = free or rest  # a circle, which Compose refuses
        found.append(tuple(sorted(layer)))
        rest -= layer
    return tuple(found)


def adverse_layers(
    model: StackModel, names: Iterable[str]
) -> tuple[tuple[str, ...], ...]:
    """Return services in the worst order: those that depend on most come first.

    Only a service that joins the namespace of another one stays behind it.
    """
    wanted = frozenset(names)
    needed = needs(model)
    turned: dict[str, set[str]] = {name: set() for name in wanted}
    for name in wanted:
        hard = joined(model.services[name])
        for peer in needed[name] & wanted:
            if peer in hard:
                turned[name].add(peer)
            else:
                turned[peer].add(name)
    frozen = {name: frozenset(before) for name, before in turned.items()}
    ordered = layers(wanted, frozen)
    if any(
        joined(model.services[name]) & set(layer) for layer in ordered for name in layer
    ):
        return layers(wanted, needed)
    return ordered

"""Orders follow from what services need."""

from __future__ import annotations

from stackproof.drills.layers import adverse_layers, all_needs, joined, layers, needs
from stackproof.model import StackModel
from stackproof.parsing import parse_config

MODEL = parse_config(
    """{"services": {
    "store": {},
    "api": {"depends_on": ["store"]},
    "web": {"depends_on": ["api", "gone"]},
    "side": {"network_mode": "service:web", "depends_on": ["web"]}}}"""
)
ALL = frozenset(MODEL.services)


def test_needs_leave_unknown_services_out() -> None:
    """A service of another profile is none of this stack."""
    assert needs(MODEL)["web"] == {"api"}
    assert all_needs(needs(MODEL), "web") == {"api", "store"}


def test_layers_put_needs_first() -> None:
    """Also across services that are left out."""
    needed = needs(MODEL)

    assert layers(ALL, needed) == (("store",), ("api",), ("web",), ("side",))
    assert layers({"store", "web"}, needed) == (("store",), ("web",))


def test_circle_is_one_layer() -> None:
    """Compose refuses it; it must not hang."""
    needed = {"a": frozenset({"b"}), "b": frozenset({"a"})}

    assert layers(needed, needed) == (("a", "b"),)


def test_adverse_order_is_the_reverse() -> None:
    """Dependents come first, except for one that joins a namespace."""
    found = adverse_layers(MODEL, ALL)

    flat = [name for layer in found for name in layer]
    assert flat.index("web") < flat.index("api") < flat.index("store")
    assert flat.index("web") < flat.index("side")


def test_joined_namespaces_are_found() -> None:
    """Of all three kinds."""
    model: StackModel = parse_config(
        '{"services": {"a": {"pid": "service:b", "ipc": "service:c", '
        '"network_mode": "host"}}}'
    )

    assert joined(model.services["a"]) == {"b", "c"}

"""Tests of context ids."""

from __future__ import annotations

import msgspec

from ha_simulator.world.contexts import Contexts

NOW = 1_795_445_276_311_149


def test_contexts_are_unique_ulids() -> None:
    """Ids have 26 characters of base 32 and none comes twice."""
    contexts = Contexts(seed=7)
    ids = [msgspec.json.decode(contexts.next(NOW))["id"] for _ in range(1_000)]

    assert len(set(ids)) == 1_000
    assert {len(found) for found in ids} == {26}
    assert set("".join(ids)) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def test_context_ids_sort_by_time() -> None:
    """The first ten characters are the time, as in every ULID."""
    contexts = Contexts(seed=7)
    early = msgspec.json.decode(contexts.next(NOW))["id"]
    late = msgspec.json.decode(contexts.next(NOW + 1_000))["id"]

    assert early[:10] < late[:10]


def test_context_names_the_user_or_null() -> None:
    """A context has exactly id, parent_id and user_id, in this order."""
    contexts = Contexts(seed=7)
    plain = msgspec.json.decode(contexts.next(NOW))
    owned = msgspec.json.decode(contexts.of_user(NOW, "abc"))

    assert list(plain) == ["id", "parent_id", "user_id"]
    assert (plain["parent_id"], plain["user_id"]) == (None, None)
    assert owned["user_id"] == "abc"

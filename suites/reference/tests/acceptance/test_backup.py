"""Tests of `reference_stack.acceptance.backup`."""

from __future__ import annotations

from reference_stack.acceptance.backup import parts_of, shard_ids

BODY = (
    b"--b\r\nContent-Disposition: attachment; name=kv\r\n"
    b"Content-Type: application/octet-stream\r\n\r\n\x00\x01\r\n\xff\r\n"
    b"--b\r\nContent-Disposition: attachment; name=buckets\r\n"
    b"Content-Type: application/json\r\n\r\n[]\r\n--b--\r\n"
)


def test_parts_are_bytes_by_their_names() -> None:
    """Whatever is in them, line breaks too."""
    assert parts_of("multipart/mixed; boundary=b", BODY) == {
        "kv": b"\x00\x01\r\n\xff",
        "buckets": b"[]",
    }


def test_shards_of_all_buckets_are_found() -> None:
    """They lie three levels down in the manifest."""
    group = {"shards": [{"id": 3}, {"id": 4}]}
    manifest = [
        {"retentionPolicies": [{"shardGroups": [group]}]},
        {"retentionPolicies": [{"shardGroups": []}]},
    ]

    assert shard_ids(manifest) == [3, 4]

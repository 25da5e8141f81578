"""The bounds of the spool. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["MEBIBYTE", "SpoolLimits"]

MEBIBYTE: Final = 1024 * 1024
"""Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLimits:
    """Bounds of the spool; sizes in bytes, times in seconds.

    `disk_bytes` is the size at which reading pauses, `queue_bytes` what may wait
    for a commit, `commit_bytes` what is committed at once, without waiting for the
    end of `commit_seconds`. After a commit of `busy_bytes` the next one waits
    `busy_times` as long: each costs about the same, so under load fewer are cheaper.
    Live frames share rows when a commit has `join_frames` or more.
    `memory_bytes` is what stays in memory for forwarding, `retain_bytes` what stays
    in the file after it was acknowledged, `prune_bytes` how much more than that
    before it is deleted. An acknowledgement waits up to `acknowledge_seconds` for
    frames to be committed with: after a crash it would only be repeated.
    """

    disk_bytes: int
    commit_seconds: float = 0.01
    acknowledge_seconds: float = 0.1
    commit_bytes: int = MEBIBYTE
    busy_bytes: int = 32 * 1024
    busy_times: float = 3.0
    join_frames: int = 16
    queue_bytes: int = 8 * MEBIBYTE
    memory_bytes: int = 8 * MEBIBYTE
    retain_bytes: int = 0
    prune_bytes: int = 4 * MEBIBYTE
    retry_first_seconds: float = 0.2
    retry_most_seconds: float = 5.0

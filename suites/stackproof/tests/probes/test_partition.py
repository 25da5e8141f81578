"""Tests of `stackproof.probes.partition`."""

from __future__ import annotations

import os

import pytest

from stackproof.probes.partition import counted, partition

LISTING = """\
Chain INPUT (policy ACCEPT 12 packets, 900 bytes)
    pkts      bytes target     prot opt in     out     source               destination
       7      420 DROP       0    --  *      *       172.20.0.3           0.0.0.0/0
       2      120 DROP       0    --  *      *       172.20.0.9           0.0.0.0/0

Chain OUTPUT (policy ACCEPT 3 packets, 180 bytes)
    pkts      bytes target     prot opt in     out     source               destination
       5      300 DROP       0    --  *      *       0.0.0.0/0            172.20.0.3
       1       60 ACCEPT     0    --  *      *       0.0.0.0/0            172.20.0.3
"""


@pytest.mark.parametrize(
    ("peers", "dropped"),
    [(["172.20.0.3"], 12), (["172.20.0.3", "172.20.0.9"], 14), (["172.20.0.4"], 0)],
)
def test_only_the_peers_own_rules_count(peers: list[str], dropped: int) -> None:
    """Both directions together; rules about others and other rules do not count."""
    assert counted(LISTING, peers) == dropped


def test_own_namespace_is_refused() -> None:
    """A mistake must not cut off the host itself."""
    with pytest.raises(ValueError, match="network namespace"):
        partition(os.getpid(), ["172.20.0.3"], cut=True)

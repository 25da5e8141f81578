"""A declared port is found again in the copy that runs."""

from __future__ import annotations

from stackproof.checks.discovery_judges import running_port
from stackproof.model import Port


def test_ports_that_differ_on_the_host_only_are_one() -> None:
    """Compose drops the second of two equal entries."""
    declared = [Port(target=80, published=str(port)) for port in (8080, 8081)]
    runs = [Port(target=53, protocol="udp"), Port(target=80)]

    assert [running_port(port, runs) for port in declared] == [runs[1], runs[1]]


def test_protocol_and_address_tell_ports_apart() -> None:
    """What does not run at all is judged as declared."""
    declared = Port(target=80, published="8080", host_ip="127.0.0.1")

    assert running_port(declared, [Port(target=80)]) is declared

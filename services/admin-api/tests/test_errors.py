"""Errors hold data and say it in one sentence."""

from __future__ import annotations

from admin_api.errors import BadParameter, NeighbourUnavailable


def test_errors_say_what_they_know() -> None:
    """The sentence names the parameter, or the neighbour and the cause."""
    away = NeighbourUnavailable("influxdb", "unreachable", "refused")

    assert str(BadParameter("limit", "too large")) == "limit: too large"
    assert str(away) == "influxdb is unreachable: refused"

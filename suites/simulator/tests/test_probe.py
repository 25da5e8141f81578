"""Tests of the container's health probe."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ha_simulator.probe import main


async def test_probe_sees_a_simulator_that_serves(simulate: Any) -> None:
    """The probe is content with /health, also while Home Assistant is down."""
    async with simulate() as sim:
        up = await asyncio.to_thread(main, f"{sim.url}/health")
        sim.simulator.home.crash(0)
        down = await asyncio.to_thread(main, f"{sim.url}/health")

        assert (up, down) == (0, 0)


async def test_probe_fails_with_one_line(
    simulate: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What does not answer 200 is exit code 1 and one line that names the URL."""
    async with simulate() as sim:
        code = await asyncio.to_thread(main, f"{sim.url}/nothing")

        assert code == 1
        assert capsys.readouterr().out.startswith(f"{sim.url}/nothing: ")

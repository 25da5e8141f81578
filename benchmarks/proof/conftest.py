"""Real trials on a real stack: whatever is planted there has to show.

Needs Docker and the images; each stack is started for its test and removed after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from capacity.fingerprint import probe
from capacity.load import LocustLoad
from capacity.measure import Measurer
from capacity.stack_rig import StackRig
from capacity.stacks import owned
from capacity.trial import Phase, Slo, TrialResult, TrialSpec
from capacity.workload import Workload


@dataclass(frozen=True, slots=True)
class Bench:
    """A stack of its own, and what makes trials of it."""

    rig: StackRig
    measurer: Measurer

    def trial(self, phase: Phase, rate: float, *, window: float) -> TrialResult:
        """Make one trial."""
        spec = TrialSpec(
            id=1, phase=phase, rate=rate, settle=3.0, window=window, drain=60.0
        )
        return self.measurer.run(spec).result


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[MakeBench]:
    """Return what starts a stack: `limits` of the services, `source_cpus`."""
    with ExitStack() as cleanup:
        engine = cleanup.enter_context(closing(docker.from_env(timeout=120)))

        def make(
            *, limits: dict[str, str] | None = None, source_cpus: float | None = None
        ) -> Bench:
            rig = cleanup.enter_context(
                owned(engine, limits=limits, source_cpus=source_cpus)
            )
            load = cleanup.enter_context(LocustLoad(tmp_path / "load"))
            measurer = Measurer(
                rig,
                load,
                slo=Slo(),
                workload=Workload(prefix="sensor.proof", entities=100),
                fsync=lambda seconds: probe(tmp_path, seconds)[1],
            )
            return Bench(rig=rig, measurer=measurer)

        yield make

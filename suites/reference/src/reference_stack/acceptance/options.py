"""pytest plugin: the command line of the matrix, and its cases.

Load it with `-p reference_stack.acceptance.options`. A test that takes `scenario` and
`check` runs once for each pair that is chosen.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from stackproof.check import Verdict

from .catalogue import SCENARIOS
from .checks import CHECKS, Check, judged
from .matrix import RATE, Matrix, Terms
from .scenario import Scenario

MATRIX = pytest.StashKey[Matrix]()
MARKER = ".acceptance-report"
_SIGNS = {Verdict.PASS: ".", Verdict.FAIL: "F", Verdict.UNKNOWN: "?"}
RANDOM = "random"
_SCHEDULES = 3
_SCENARIO = "scenario"
_CHECK = "check"
_LIVE = "live"
_TEST_EVENT = "test_event"
ENGINE_RESTART = "--allow-engine-restart"
TEST_EVENT = "--allow-test-event"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the matrix."""
    group = parser.getgroup("acceptance")
    group.addoption(
        "--scenario",
        action="append",
        default=[],
        metavar="NAME",
        choices=[*(each.name for each in SCENARIOS), RANDOM],
        help="only this scenario; repeatable (see --list)",
    )
    group.addoption(
        "--check",
        action="append",
        default=[],
        metavar="NAME",
        choices=[each.name for each in CHECKS],
        help="only this check; repeatable (see --list)",
    )
    group.addoption(
        "--list", action="store_true", help="list scenarios and checks, and end"
    )
    group.addoption(
        "--fast", action="store_true", help="only the scenarios that matter most"
    )
    group.addoption(
        "--schedules",
        type=int,
        metavar="N",
        help="so many random schedules (default: 3, or 1 with --fast)",
    )
    group.addoption(
        "--schedule",
        metavar="STEPS",
        help='only this one, such as "sigkill-ingestion 0.4, ha-restart 1"',
    )
    group.addoption(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="repeats what is left to chance (default: %(default)s)",
    )
    group.addoption(
        "--rate",
        type=float,
        default=RATE,
        metavar="N",
        help="events a second (default: %(default)g)",
    )
    group.addoption(
        "--minutes",
        type=float,
        default=0.0,
        metavar="N",
        help="let events flow so long after each cure (default: a few seconds)",
    )
    group.addoption(
        "--image-version",
        metavar="TAG",
        help="take our images of this version (default: the environment file's)",
    )
    group.addoption(
        ENGINE_RESTART,
        action="store_true",
        help="run what restarts the engine, and with it every container on it",
    )
    group.addoption(
        "--live",
        metavar="PROJECT",
        help="look at this running project instead; changes nothing",
    )
    group.addoption(
        TEST_EVENT,
        action="store_true",
        help="on a live project: send one marked event through the real path",
    )
    group.addoption(
        "--report",
        type=Path,
        metavar="DIR",
        help="write report and histories there, into a new folder or instead of an "
        "older report (default: reports/acceptance)",
    )


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """List what there is when asked to; run nothing then."""
    if not config.getoption("--list"):
        return None
    for title, rows in (
        ("scenarios", [(each.name, _described(each)) for each in SCENARIOS]),
        ("checks", [(each.name, each.promise) for each in CHECKS]),
    ):
        width = max(len(name) for name, _ in rows)
        told = "".join(f"  {name:{width}}  {text}\n" for name, text in rows)
        sys.stdout.write(f"{title}\n{told}")
    return 0


def _described(scenario: Scenario) -> str:
    marks = [
        *(["real Home Assistant"] if scenario.source == "homeassistant" else []),
        *(["fast"] if scenario.fast else []),
        *([f"needs {scenario.option}"] if scenario.option else []),
    ]
    return scenario.title + (f" ({', '.join(marks)})" if marks else "")


def chosen_scenarios(config: pytest.Config) -> Sequence[Scenario]:
    """Return the scenarios that the options ask for, those of one source together."""
    names = config.getoption("--scenario")
    if config.getoption("--schedule"):
        return []
    found = [
        scenario
        for scenario in SCENARIOS
        if (scenario.name in names if names else _by_default(scenario, config))
    ]
    return sorted(found, key=lambda scenario: scenario.source, reverse=True)


def schedule_count(config: pytest.Config) -> int:
    """Return how many random schedules the options ask for."""
    given: int | None = config.getoption("--schedules")
    names = config.getoption("--scenario")
    if given is not None:
        return given
    if names and RANDOM not in names:
        return 0
    return 1 if config.getoption("--fast") else _SCHEDULES


def _by_default(scenario: Scenario, config: pytest.Config) -> bool:
    allowed = scenario.option is None or bool(config.getoption(scenario.option))
    return allowed and (scenario.fast or not config.getoption("--fast"))


def chosen_checks(config: pytest.Config) -> Sequence[Check]:
    """Return the checks that the options ask for."""
    names = config.getoption("--check")
    return [check for check in CHECKS if not names or check.name in names]


def terms_of(config: pytest.Config) -> Terms:
    """Return how scenarios are to be run."""
    return Terms(
        rate=config.getoption("--rate"),
        seed=config.getoption("--seed"),
        flow_seconds=60 * config.getoption("--minutes"),
        version=config.getoption("--image-version"),
    )


def report_folder(config: pytest.Config) -> Path:
    """Return a new folder for the report; an older report makes room.

    Raises:
        UsageError: something else is in its place.
    """
    given: Path | None = config.getoption("--report")
    folder = (given or config.rootpath / "reports" / "acceptance").absolute()
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise pytest.UsageError(
                f"--report {folder}: is not empty and holds no report of the matrix; "
                "name another folder"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the matrix and where its report is."""
    matrix = terminalreporter.config.stash.get(MATRIX, None)
    if matrix is None or not matrix.ran:
        return
    terminalreporter.section("matrix")
    for line in picture(matrix):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"report: {matrix.folder / 'report.html'}")


def picture(matrix: Matrix) -> Iterator[str]:
    """Yield one line for each scenario: a sign for each check, and what was lost."""
    width = max(map(len, matrix.ran))
    yield f"{'':{width}}  {' '.join(check.name for check in matrix.checks)}"
    for name, ran in matrix.ran.items():
        signs = " ".join(
            f"{_SIGNS[judged(check, ran.seen).verdict]:^{len(check.name)}}"
            for check in matrix.checks
        )
        tally = ran.seen.judgement.tally if ran.seen.judgement else None
        told = f"{tally.acknowledged} events" if tally else ""
        yield f"{name:{width}}  {signs}  {told}, {ran.seconds:.0f} s"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    config.addinivalue_line("markers", f"{_LIVE}: looks at a running project")
    config.addinivalue_line("markers", f"{_TEST_EVENT}: sends one event through it")
    config.addinivalue_line("markers", f"{RANDOM}: plays random schedules")


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out what the options do not ask for."""

    def wanted(item: pytest.Item) -> bool:
        live = item.get_closest_marker(_LIVE) is not None
        if live != bool(config.getoption("--live")):
            return False
        if item.get_closest_marker(_TEST_EVENT):
            return bool(config.getoption(TEST_EVENT))
        if item.get_closest_marker(RANDOM):
            return bool(config.getoption("--schedule") or schedule_count(config))
        return live or bool(chosen_scenarios(config))

    left_out = [item for item in items if not wanted(item)]
    items[:] = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=left_out)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test its scenarios and checks; all checks of a scenario together."""
    if not {_SCENARIO, _CHECK} <= set(metafunc.fixturenames):
        return
    pairs = [
        (scenario, check)
        for scenario in chosen_scenarios(metafunc.config)
        for check in chosen_checks(metafunc.config)
    ]
    if metafunc.config.getoption("--live") or not pairs:
        pairs = [(SCENARIOS[0], CHECKS[0])]  # left out again when all are collected
    metafunc.parametrize(
        (_SCENARIO, _CHECK), pairs, ids=[f"{one}-{other}" for one, other in pairs]
    )

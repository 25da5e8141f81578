"""The matrix says what each service guarantees, computed from the verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from stackproof.errors import SourceError
from stackproof.oracle import FaultProof, History, Judgement, RunRecord, Sent, Stored
from stackproof.oracle.judge import judge
from stackproof.report.guarantee import guarantee_sentence
from stackproof.report.matrix import (
    Cell,
    CellVerdict,
    MatrixCheck,
    MatrixResults,
    ScenarioResult,
    matrix_document,
)
from stackproof.report.matrix_folder import (
    read_matrix,
    render_matrix_again,
    write_matrix,
)
from stackproof.report.matrix_html import (
    draw_recovery,
    matrix_sentence,
    other_reasons,
    red_cells,
    render_matrix,
)
from stackproof.report.matrix_junit import matrix_junit
from stackproof.report.schema import MATRIX, load_schema, validate

BASE = 1_700_000_000_000_000
CHECKS = (
    MatrixCheck(id="no-loss", title="everything is stored"),
    MatrixCheck(id="ready", title="ready again <soon>"),
)
PASS = Cell(verdict=CellVerdict.PASS)
GREEN = {check.id: PASS for check in CHECKS}


def judgement(*, lost: int = 0, ready_s: float = 3.2, bitten: bool = True) -> Judgement:
    """Return the verdict of a run with 1,000 events, one a millisecond, and a fault."""
    sent = [
        Sent(
            serial=number,
            entity_id="sensor.r",
            time_us=BASE + number * 1000,
            state="on",
            on_wire=True,
        )
        for number in range(1000)
    ]
    fault = FaultProof(
        kind="SIGKILL",
        target="web",
        expected="exit 137",
        observed="exit 137" if bitten else "nothing",
        bitten=bitten,
        started_us=BASE,
        ready_us=BASE + int(ready_s * 1e6),
        budget_us=5_000_000,
    )
    rows = [
        Stored(entity_id=event.entity_id, time_us=event.time_us, state=event.state)
        for event in sent[lost:]
    ]
    run = RunRecord(source="s", scenario="s", started_us=BASE, ended_us=BASE)
    return judge(History(run=run, sent=sent, stored=rows, faults=[fault]))


def scenario(name: str, disturbance: str = "SIGKILL", **fields: Any) -> ScenarioResult:
    """Return a scenario about the service `web` in which all is well."""
    return ScenarioResult(
        **{
            "name": name,
            "title": f"{disturbance} of web",
            "disturbance": disturbance,
            "services": ("web",),
            "cells": GREEN,
            "judgement": judgement(),
            "evidence": f"runs/{name}",
            "repeat": f"run {name}",
            "seed": 7,
            "seconds": 12.5,
            **fields,
        }
    )


def red(verdict: CellVerdict, message: str) -> dict[str, Cell]:
    """Return cells of which the first is not green."""
    return {**GREEN, "no-loss": Cell(verdict=verdict, message=message)}


GOOD = scenario("kill")
BAD = scenario(
    "term",
    "SIGTERM",
    cells=red(CellVerdict.FAIL, "12 lost"),
    judgement=judgement(lost=12, ready_s=9),
)
OPEN = scenario(
    "oom",
    "OOM kill",
    cells=red(CellVerdict.UNKNOWN, "did not happen"),
    judgement=judgement(bitten=False),
)
ABSENT = scenario("restore", "restore", cells={}, judgement=None, problem="no <disk>")


def results(*scenarios: ScenarioResult) -> MatrixResults:
    """Return a run of the matrix."""
    return MatrixResults(
        project="demo",
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        seconds=125.0,
        checks=CHECKS,
        scenarios=scenarios,
        services=("web", "store"),
        settings={"rate": 300},
    )


@pytest.fixture
def document() -> dict[str, Any]:
    """The document with a scenario of each verdict, as a reader gets it."""
    made = matrix_document(results(GOOD, BAD, OPEN, ABSENT))
    read: dict[str, Any] = json.loads(json.dumps(made))
    return read


def test_schema_is_a_schema() -> None:
    """The published file follows the standard that it names."""
    Draft202012Validator.check_schema(load_schema(MATRIX))


@pytest.mark.parametrize(
    "scenarios", [(), (GOOD,), (GOOD, BAD, OPEN, ABSENT)], ids=["none", "one", "all"]
)
def test_document_has_the_published_shape(
    scenarios: tuple[ScenarioResult, ...],
) -> None:
    """What is written can be read by who knows the schema only."""
    made = matrix_document(results(*scenarios))

    validate(json.loads(json.dumps(made)), MATRIX, origin="matrix.json")


def test_every_field_of_the_document_is_in_the_schema(
    document: dict[str, Any],
) -> None:
    """The schema does not fall behind."""
    schema = load_schema(MATRIX)
    described = schema["$defs"]["scenario"]["properties"]

    assert document.keys() == schema["properties"].keys()
    assert document["scenarios"][0].keys() == described.keys()
    for name in ("recovery", "guarantees"):
        fields = schema["properties"][name]["items"]["properties"]
        assert document[name][0].keys() == fields.keys()


@pytest.mark.parametrize(
    ("scenarios", "verdict"),
    [
        ((), "unknown"),
        ((GOOD,), "pass"),
        ((GOOD, OPEN), "unknown"),
        ((GOOD, ABSENT), "unknown"),
        ((GOOD, OPEN, BAD), "fail"),
        ((replace(GOOD, problem="the engine was gone"),), "unknown"),
        ((replace(GOOD, cells={"no-loss": PASS}),), "unknown"),
        (
            (
                replace(
                    GOOD,
                    cells={
                        **GREEN,
                        "ready": Cell(verdict=CellVerdict.NOT_APPLICABLE),
                    },
                ),
            ),
            "pass",
        ),
    ],
)
def test_only_what_was_decided_well_is_a_pass(
    scenarios: tuple[ScenarioResult, ...], verdict: str
) -> None:
    """A cell that was not run, and a scenario that could not be, are not green."""
    assert matrix_document(results(*scenarios))["verdict"] == verdict


SENTENCES = [
    ((), "web: nothing was tried."),
    ((GOOD,), "web: SIGKILL: no event lost of 1,000 (worst recovery 3.2 s)."),
    (
        (GOOD, scenario("cut", "network cut", judgement=judgement(ready_s=4))),
        "web: SIGKILL, network cut: no event lost of 2,000 (worst recovery 4.0 s).",
    ),
    (
        (GOOD, scenario("kill-homeassistant")),
        "web: SIGKILL: no event lost of 2,000 (worst recovery 3.2 s).",
    ),
    (
        (GOOD, BAD, OPEN, ABSENT),
        (
            "web: SIGKILL: no event lost of 1,000 (worst recovery 3.2 s); "
            "SIGTERM: 12 of 1,000 events lost, loss window up to 12 ms, "
            "broken: no-loss; not proven under OOM kill, restore."
        ),
    ),
    (
        (scenario("slow", "outage", cells=red(CellVerdict.FAIL, "slow")),),
        "web: outage: no event lost of 1,000, broken: no-loss.",
    ),
    (
        (scenario("idle", "reboot", judgement=None),),
        "web: reboot: passed, and no event was sent.",
    ),
    ((scenario("none", ""),), "web: nothing was tried."),
    ((scenario("other", services=("store",)),), "web: nothing was tried."),
]


@pytest.mark.parametrize(("scenarios", "sentence"), SENTENCES)
def test_guarantee_is_one_sentence(
    scenarios: tuple[ScenarioResult, ...], sentence: str
) -> None:
    """What held, what did not and what was not proven, for each service."""
    guarantees = matrix_document(results(*scenarios))["guarantees"]

    assert guarantees[0]["sentence"] == sentence
    assert [guarantee["service"] for guarantee in guarantees] == ["web", "store"]


def test_flaws_besides_losses_are_in_the_sentence(document: dict[str, Any]) -> None:
    """A service that duplicates does not keep its promise."""
    bad = document["scenarios"][1] | {"lost": 0, "duplicated": 3, "corrupted": 1}

    assert guarantee_sentence("web", [bad]) == (
        "web: SIGTERM: no event lost of 1,000, 3 duplicated, 1 corrupted, "
        "broken: no-loss."
    )


def test_recovery_is_summed_up_by_fault(document: dict[str, Any]) -> None:
    """Median and worst over the runs in which it bit, and what it cost."""
    (row,) = document["recovery"]

    assert (row["kind"], row["target"], row["runs"], row["bitten"]) == (
        "SIGKILL",
        "web",
        3,
        2,
    )
    assert (row["median_ms"], row["worst_ms"], row["budget_ms"]) == (6100, 9000, 5000)
    assert document["scenarios"][2]["recovery_ms"] is None
    assert (row["events"], row["lost"], row["loss_ms"]) == (3000, 12, 12.0)


class Tags(HTMLParser):
    """Collects tags and what they point to, and matches ends with starts."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.names.add(tag)
        self.links |= {value or "" for name, value in attrs if name in {"href", "src"}}
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that ends itself."""
        self.names.add(tag)

    def handle_endtag(self, tag: str) -> None:
        """Match an end with its start."""
        assert self.open.pop() == tag


def test_page_is_whole_and_alone(document: dict[str, Any]) -> None:
    """No script, nothing from elsewhere; links lead to the evidence beside it."""
    tags = Tags()
    page = render_matrix(document)
    tags.feed(page)

    assert tags.open == []
    assert not tags.names & {"script", "img", "link", "iframe", "object"}
    assert tags.links == {
        f"runs/{name}/" for name in ("kill", "term", "oom", "restore")
    }
    assert "no &lt;disk&gt;" in page
    assert "ready again &lt;soon&gt;" in page


def test_page_reads_in_black_and_white(document: dict[str, Any]) -> None:
    """Each verdict has a sign of its own in the table, not only a colour."""
    page = render_matrix(document)
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    signs = {">✓<": 5, ">✗<": 2, ">?<": 5}

    assert {sign: table.count(sign) for sign in signs} == signs


def test_red_cells_with_one_reason_stand_together(document: dict[str, Any]) -> None:
    """Each reason is read once, failures first; the oracle's own only if new."""
    bad = document["scenarios"][1]
    bad["cells"] = [
        {"check": check, "verdict": verdict, "message": message}
        for check, verdict, message in (
            ("a", "unknown", "not read"),
            ("b", "fail", "12 lost"),
            ("c", "unknown", "not read"),
            ("d", "pass", ""),
        )
    ]
    bad["why"] = ["not read", "another reason"]
    found = [(red.verdict, red.message, red.checks) for red in red_cells(bad)]

    assert found == [("fail", "12 lost", ("b",)), ("unknown", "not read", ("a", "c"))]
    assert other_reasons(bad) == ["another reason"]


def test_page_is_the_same_for_the_same_document(document: dict[str, Any]) -> None:
    """Rendering adds nothing of its own: no time, no chance."""
    again = json.loads(json.dumps(document))

    assert render_matrix(document) == render_matrix(again)
    assert matrix_document(results(GOOD)) == matrix_document(results(GOOD))


def test_page_of_nothing() -> None:
    """A run without scenarios is rendered as well."""
    page = render_matrix(matrix_document(results()))

    assert "Nothing was judged: no scenario of demo was run." in page


@pytest.mark.parametrize(
    ("scenarios", "sentence"),
    [
        ((GOOD,), "demo keeps its promise under 1 scenario: no event lost of 1,000."),
        ((GOOD, OPEN), "demo cannot be judged: 1 of 2 scenarios open."),
        (
            (GOOD, BAD, OPEN),
            (
                "demo breaks its promise under 1 of 3 scenarios, with 12 events lost, "
                "and 1 could not be decided."
            ),
        ),
    ],
)
def test_heading_says_what_came_out(
    scenarios: tuple[ScenarioResult, ...], sentence: str
) -> None:
    """The first thing that is read is the answer."""
    assert matrix_sentence(matrix_document(results(*scenarios))) == sentence


@pytest.mark.parametrize("worst_ms", [0.0, 40.0, 4_900.0, 61_000.0, 3_600_000.0])
def test_bars_stay_inside_the_drawing(
    document: dict[str, Any], worst_ms: float
) -> None:
    """Whatever the times are, the scale fits them."""
    (row,) = document["recovery"]
    bars = draw_recovery([row | {"worst_ms": worst_ms, "median_ms": worst_ms / 2}])
    (bar,) = bars.rows

    assert bar.worst >= 1
    assert bar.label <= bars.width - 50
    assert bars.left <= bar.median <= bar.label
    assert all(tick.x <= bars.width for tick in bars.ticks)
    assert bar.slow == (worst_ms > 5000)
    assert len(bars.ticks) <= 7


def test_junit_has_a_case_for_each_cell(document: dict[str, Any]) -> None:
    """Build servers see failures and errors where the cells are red."""
    cells = document["scenarios"][0]["cells"]
    cells[1] |= {"verdict": "not_applicable", "message": "nothing stops"}
    root = ET.fromstring(matrix_junit(document).partition("\n")[2])  # noqa: S314 - ours
    suites = {suite.get("name"): suite for suite in root}

    assert [suite.get("tests") for suite in root] == ["2"] * 4
    assert suites["kill"].get("skipped") == "1"
    failure = suites["term"].find("./testcase/failure")
    assert failure is not None
    assert failure.get("message") == "12 lost"
    assert "run term" in (failure.text or "")
    assert len(suites["restore"].findall("./testcase/error")) == 2


def test_folder_is_read_and_rendered_again(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    """The page can be made anew from the document, and histories beside it stay."""
    (tmp_path / "runs").mkdir()
    write_matrix(tmp_path, document)
    page = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html").unlink()

    assert render_matrix_again(tmp_path) == document == read_matrix(tmp_path)
    assert (tmp_path / "report.html").read_bytes() == page
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "junit.xml",
        "matrix.json",
        "report.html",
        "runs",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no such file"),
        ("{", "cannot be read"),
        ('{"schema_version": 1}', "required"),
    ],
)
def test_folder_without_a_matrix_is_named(
    tmp_path: Path, text: str | None, problem: str
) -> None:
    """A reader learns which file is wrong, and how."""
    if text is not None:
        (tmp_path / "matrix.json").write_text(text)

    with pytest.raises(SourceError, match=rf"matrix\.json: .*{problem}"):
        read_matrix(tmp_path)

"""Tests of the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from capacity.document import (
    Baseline,
    Check,
    Report,
    Series,
    Standing,
    Status,
    StopReason,
    Timeline,
)
from capacity.report.html import LARGEST_BYTES, render
from capacity.report.sentence import sentence

Make = Callable[..., Report]
replace = msgspec.structs.replace
VOID = frozenset({"meta", "br", "link", "hr", "img"})
ORDER = (
    "What to do",
    "Is this run valid?",
    "Charts",
    "Containers over the run",
    "Targets",
    "Demand",
    "All trials",
    "Environment",
    "Method",
    "Against the baseline",
)


class Page(HTMLParser):
    """Collects the tags, the headings and the first words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.heads: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.first = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember a tag that must be closed."""
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember a tag that closes itself."""
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Close the tag that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep the words of the headings."""
        if self.open and self.open[-1] == "h2":
            self.heads.append(data)
        if "h1" in self.open and "rt" not in self.open:
            self.first += data


def big(made_up: Make) -> Report:
    """Return a report of a day's run: many trials, long timelines."""
    report = made_up()
    trials = tuple(
        replace(
            report.trials[index % 15],
            id=f"T{index}",
            blocks=report.trials[-2].blocks * 8,
        )
        for index in range(80)
    )
    steps = 40_000
    series = Series(
        cpu_cores=tuple(index % 97 / 50 for index in range(steps)),
        mem_bytes=tuple(range(10_000_000, 10_000_000 + steps)),
        throttled=tuple(index % 13 / 20 for index in range(steps)),
    )
    names = (*report.environment.services, "admin-api", "homeassistant")
    verdict = replace(report.verdict, sustained_trial="T5")
    return made_up(
        trials=trials,
        verdict=verdict,
        timeline=Timeline(step_s=2.0, containers=dict.fromkeys(names, series)),
    )


def test_same_document_gives_same_bytes(made_up: Make) -> None:
    """Nothing but the document goes into the page."""
    assert render(made_up()) == render(made_up())


def test_page_stands_alone(made_up: Make) -> None:
    """One file: no script, no image, no font, no address to load from."""
    text = render(made_up())
    page = Page(text)

    assert page.open == []
    assert not page.tags & {"script", "img", "link", "iframe", "object", "image"}
    assert not [value for name, value in page.attributes if name in {"src", "href"}]
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "url(" not in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize("of", [lambda make: make(), big], ids=["usual", "long"])
def test_page_is_small(made_up: Make, of: Callable[[Make], Report]) -> None:
    """Below 300 KB, after hours of trials too."""
    assert len(render(of(made_up)).encode()) < LARGEST_BYTES


def test_page_has_its_order(made_up: Make) -> None:
    """Verdict first, then advice, validity, charts, tables, environment, method."""
    page = Page(render(made_up()))

    assert page.first == sentence(made_up())
    assert tuple(page.heads) == ORDER


def test_targets_are_shown_with_what_was_not_measured(made_up: Make) -> None:
    """Held, missed, and no number where there is none; without the section nothing."""
    text = render(made_up())

    assert '<td class="ok">holds</td>' in text
    assert "181 ms" in text
    assert '<td class="bad">does not hold</td>' in text
    assert '<td class="n">not measured</td>' in text
    assert "100,000 entities, 100,000 series" in text
    assert "<h2>Targets</h2>" not in render(made_up(speed=None))


def test_bad_checks_come_first(made_up: Make) -> None:
    """The validity box is sorted by how much it matters."""
    checks = tuple(
        Check(name=f"check {s}", standing=s, value="1", limit="2", why="")
        for s in (Standing.OK, Standing.WARNING, Standing.BAD)
    )
    text = render(made_up(validity=checks))

    found = re.findall(r"<td>check (\w+)</td>", text)
    assert found == ["bad", "warning", "ok"]


@pytest.mark.parametrize(
    "changes",
    [
        {
            "trials": (),
            "timeline": None,
            "storage": None,
            "resilience": None,
            "recommendations": (),
            "baseline": None,
            "validity": (),
            "warnings": (),
        },
        {"timeline": None},
        {"storage": None},
        {"resilience": None},
        {"baseline": None},
    ],
    ids=["nothing", "no timeline", "no storage", "no outage", "no baseline"],
)
def test_page_of_a_partial_run_is_whole(made_up: Make, changes: dict[str, Any]) -> None:
    """What was not measured is absent, and the page is well-formed without it."""
    report = made_up()
    verdict = replace(
        report.verdict,
        status=Status.INCONCLUSIVE,
        sustained_trial=None,
        sustained_eps=None,
        edge=None,
        stop_reason=StopReason.INTERRUPTED,
    )
    page = Page(render(made_up(verdict=verdict, **changes)))

    assert page.open == []
    assert page.first.startswith("No capacity was found: the run was interrupted")


def test_words_from_outside_are_escaped(made_up: Make) -> None:
    """Names of containers, hosts and reasons cannot become markup."""
    report = made_up()
    evil = "<script>alert(1)</script>"
    trials = tuple(
        replace(trial, reasons=(evil,) if trial.reasons else ())
        for trial in report.trials
    )
    text = render(
        made_up(
            trials=trials,
            warnings=(evil,),
            environment=replace(report.environment, kernel=evil),
        )
    )

    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_other_host_is_not_compared(made_up: Make) -> None:
    """A baseline of another host gives no ratios."""
    other = Baseline(
        run_id="elsewhere",
        fingerprint_match=False,
        ratios=(),
        false_alarm_rate=None,
    )

    assert "Not comparable with elsewhere" in render(made_up(baseline=other))

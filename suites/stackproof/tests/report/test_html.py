"""The page says first what matters, and needs nothing else."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from stackproof.events import Event
from stackproof.report.html import Page, cell, render


class Tags(HTMLParser):
    """Collects tags, attributes and unbalanced ends."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that ends itself."""
        self.names.add(tag)

    def handle_endtag(self, tag: str) -> None:
        """Match an end with its start."""
        assert self.open.pop() == tag


@pytest.fixture
def page(document: dict[str, Any], events: tuple[Event, ...]) -> str:
    """The page of the run."""
    logs = {"web": "line <script>alert(1)</script>"}
    return render(Page(document=document, events=events, logs=logs))


def test_page_is_whole_and_alone(page: str) -> None:
    """Tags are balanced; no script, no image, nothing from elsewhere."""
    tags = Tags()
    tags.feed(page)

    assert tags.open == []
    assert not tags.names & {"script", "img", "link", "iframe", "object"}
    assert not tags.attributes & {"src", "href", "onclick"}
    assert not re.search(r"https?://|url\(|@import", page)


def test_verdict_comes_first(page: str) -> None:
    """The heading is one sentence."""
    (heading,) = re.findall(r"<h1>(.*?)</h1>", page)

    assert (
        "demo breaks 1 promise of 6 cases, and 1 case could not be decided." in heading
    )
    assert page.index("<h1>") < page.index("<h2>")


def test_parts_are_there(page: str) -> None:
    """Timeline, bars, table, evidence."""
    for part in ("<svg", "Memory: peak", "Stop: time", "Promises by", "Evidence"):
        assert part in page
    assert "1.0 MiB of 4.0 MiB" in page
    assert "line &lt;script&gt;" in page
    assert "listens &lt;here&gt;" in page


def test_unknown_is_not_green(document: dict[str, Any]) -> None:
    """The worst verdict colours the cell and the head."""
    checks = [c for c in document["checks"] if c["verdict"] in {"pass", "unknown"}]
    document |= {"checks": checks, "verdict": "unknown"}
    document["counts"] |= {"fail": 0}

    text = render(Page(document=document))

    found = cell(checks)
    assert found is not None
    assert (found.verdict, found.passed, found.total) == ("unknown", 2, 3)
    assert '<header class="unknown">' in text


def test_run_without_anything(document: dict[str, Any]) -> None:
    """A report without cases, events and logs is rendered as well."""
    document["checks"] = []
    document["services"] = []
    document["counts"] = dict.fromkeys(document["counts"], 0)

    assert "Nothing was judged" in render(Page(document=document))

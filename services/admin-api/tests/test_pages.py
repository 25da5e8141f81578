"""The web page is self-contained and safe under its own policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Stack


async def text_of(stack: Stack, path: str) -> str:
    """Return the text of a path."""
    async with stack.session.get(f"{stack.url}{path}") as answer:
        return await answer.text()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/", "text/html"), ("/admin.js", "text/javascript"), ("/admin.css", "text/css")],
)
async def test_files_are_served_under_a_strict_policy(
    stack: Stack, path: str, media_type: str
) -> None:
    """Only the own script, style and API; no frames, no guessing of types."""
    async with stack.session.get(f"{stack.url}{path}") as answer:
        policy = answer.headers["Content-Security-Policy"]

    assert answer.content_type == media_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.asyncio
async def test_page_needs_nothing_from_elsewhere(stack: Stack) -> None:
    """Every address in the page is a path of this server or empty data."""
    page = await text_of(stack, "/")
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)

    assert sorted(addresses) == ["/admin.css", "/admin.js", "data:,"]
    for path in ("/admin.js", "/admin.css"):
        assert "http" not in await text_of(stack, path)


@pytest.mark.asyncio
async def test_page_has_nothing_inline(stack: Stack) -> None:
    """Inline scripts, handlers and styles would be blocked by the policy."""
    page = await text_of(stack, "/")

    assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", page) == []


@pytest.mark.asyncio
async def test_script_builds_no_markup_from_text(stack: Stack) -> None:
    """Names and states from outside only become text nodes."""
    script = await text_of(stack, "/admin.js")

    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write", script) == []
    )
    assert "sessionStorage" in script
    assert "localStorage" not in script


@pytest.mark.asyncio
async def test_script_finds_its_elements_and_routes(stack: Stack) -> None:
    """Every id that the script asks for is in the page, every path is served."""
    page, script = await text_of(stack, "/"), await text_of(stack, "/admin.js")
    ids = set(re.findall(r'id="([^"]+)"', page))
    wanted = set(re.findall(r'element\("([^"]+)"\)', script))
    wanted |= set(re.findall(r'(?:fill|facts)\(\s*"([^"]+)"', script))
    wanted |= set(re.findall(r'attempt\(\w+, "([^"]+)"\)', script))
    asked = re.findall(r'ask\([`"](\w+)', script)
    told = re.findall(r'tell\([`"]([\w/]+)', script)

    assert wanted <= ids
    assert sorted(asked) == ["deadletters", "events", "gaps", "services", "stats"]
    for path in asked:
        assert (await stack.get(path))[0] == 200
    assert told == ["deadletters/retry"]
    assert (await stack.post(told[0], b"{}"))[0] == 200

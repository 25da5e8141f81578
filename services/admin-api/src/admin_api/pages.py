"""The web page: three files of this package, no others, and nothing inline."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from aiohttp import web

from .auth import Answer

__all__ = ["FILES", "POLICY", "page"]

FILES: Final = {
    "/": ("index.html", "text/html"),
    "/admin.js": ("admin.js", "text/javascript"),
    "/admin.css": ("admin.css", "text/css"),
}
# The page runs its own script, talks to its own origin, and nothing else.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(path: str) -> Answer:
    """Return the route's function for one of the files, read once."""
    name, media_type = FILES[path]
    text = (files(__package__) / "web" / name).read_text(encoding="utf-8")

    async def show(_: web.Request) -> web.Response:
        return web.Response(
            text=text,
            content_type=media_type,
            headers={
                "Cache-Control": "no-cache",
                "Content-Security-Policy": POLICY,
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            },
        )

    return show

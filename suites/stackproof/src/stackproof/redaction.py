"""Hide secret values in documents that are kept as evidence (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN = "**********"
# A NAME_FILE variable holds a path, not the secret.
_SECRET_NAME = re.compile(
    r"(?:TOKEN|PASSWORD|PASSWD|SECRET|API_KEY|PRIVATE_KEY)S?$", re.IGNORECASE
)
_USER_IN_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")


def redacted(document: Any) -> Any:
    """Return the document with secret values replaced.

    Hidden are: values of variables whose name says token, password, secret or key, in a
    mapping as well as in a list of NAME=value; and user names and passwords in URLs.
    """
    if isinstance(document, Mapping):
        return {
            key: HIDDEN
            if isinstance(value, str) and value and _SECRET_NAME.search(str(key))
            else redacted(value)
            for key, value in document.items()
        }
    if isinstance(document, list | tuple):
        return [redacted(item) for item in document]
    if isinstance(document, str):
        return _redacted_text(document)
    return document


def secret_values(document: Any) -> Iterator[str]:
    """Yield the values that `redacted` hides because of the name they have."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            if isinstance(value, str) and value and _SECRET_NAME.search(str(key)):
                yield value
            else:
                yield from secret_values(value)
    elif isinstance(document, list | tuple):
        for item in document:
            yield from secret_values(item)
    elif isinstance(document, str):
        name, equals, value = document.partition("=")
        if equals and value and name.isidentifier() and _SECRET_NAME.search(name):
            yield value


def _redacted_text(text: str) -> str:
    name, equals, value = text.partition("=")
    if equals and value and name.isidentifier() and _SECRET_NAME.search(name):
        return f"{name}={HIDDEN}"
    return _USER_IN_URL.sub(HIDDEN, text)

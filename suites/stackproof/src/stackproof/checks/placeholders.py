"""Tell values that somebody forgot to fill in (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .exposure import is_secret_name

_PLACEHOLDER = re.compile(
    r"""^(?:
      <[^<>=]+> | \[[\w\s-]*(?:your|insert|here|change)[\w\s-]*\]   # <password>
    | \{\{.*\}\} | %[A-Z_]+%                                        # a template
    | x{3,} | \*{3,} | \.{3,} | -{3,} | _{3,} | \?{2,}
    | (?:todo|tbd|fixme|fill[_ -]?me(?:[_ -]?in)?|fill[_ -]?in|replace[_ -]?me
        |change[_ -]?(?:me|this|it)|changeit|placeholder|dummy|undefined|null|none
        |insert[_ -].*|enter[_ -].*|put[_ -].*[_ -]here)[!.\d]*
    | (?:please[_ -]?)?change[_ -]?(?:me|this|it)\b.*
    | .*[_ -]change[_ -]?(?:me|this)[!.\d]*
    | (?:your|my)[_ -].*(?:key|token|secret|password|id|here|domain|name|url|host|user
        |email|value)s?
    | .*(?:your[_-]?(?:key|token|secret|password|domain|email)|_here)
    | replace[_ -](?:me|this|with).*
    | (?:https?://)?(?:www\.)?(?:your[-_.]?\w+|example)\.(?:com|org|net)/?
    )$""",
    re.IGNORECASE | re.VERBOSE,
)
_WEAK = frozenset(
    {
        *("password", "passw0rd", "password1", "password123", "pass", "passwd"),
        *("secret", "mysecret", "supersecret", "secretkey", "verysecret", "topsecret"),
        *("admin", "admin123", "administrator", "root", "toor", "test", "test123"),
        *("example", "default", "letmein", "qwerty", "12345", "123456", "12345678"),
        *("1234567890", "mypassword", "somepassword", "notsecure", "insecure"),
        *("minioadmin", "postgres", "guest", "changeme", "s3cr3t", "token", "key"),
    }
)
_SWITCH = frozenset({"none", "null", "undefined", "dummy"})


def is_placeholder(name: str, value: str) -> bool:
    """Tell whether a value stands for one that is still to be filled in.

    A weak password counts only where the name says that it is one.
    """
    text = value.strip().strip("\"'")
    if not text:
        return False
    secret = is_secret_name(name)
    if text.lower() in _SWITCH and not secret:
        return False
    return bool(_PLACEHOLDER.match(text)) or (secret and text.lower() in _WEAK)


def placeholders(variables: Mapping[str, str | None]) -> list[str]:
    """Return the names of the variables that hold a placeholder."""
    return sorted(n for n, v in variables.items() if v and is_placeholder(n, v))


def empty_names(
    variables: Mapping[str, str | None], meant: frozenset[str] = frozenset()
) -> list[str]:
    """Return the names of variables that are empty, and not on purpose.

    On purpose are those in `meant`, and NAME where NAME_FILE has a value.
    """
    return sorted(
        name
        for name, value in variables.items()
        if value is not None
        and not value.strip()
        and name not in meant
        and not variables.get(f"{name}_FILE")
    )

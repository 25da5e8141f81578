"""Exit 0 once Home Assistant answers over HTTP, 1 with one line before."""

from __future__ import annotations

import sys
from urllib.error import URLError
from urllib.request import urlopen

URL = "http://127.0.0.1:8123/api/onboarding"

try:
    with urlopen(URL, timeout=3) as answer:
        sys.exit(0 if answer.status == 200 else 1)
except (URLError, OSError) as error:
    print(f"{URL}: {error}")
    sys.exit(1)

"""`stackproof report` and `stackproof diff`: what can be done with finished runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ..report.diff import compare
from ..report.folder import read_document, render_again
from ..report.matrix_folder import MATRIX_FILE, render_matrix_again
from ..report.matrix_html import matrix_sentence
from ..report.sentence import verdict_sentence
from .options import FAIL, PASS


def render(folder: Path) -> int:
    """Render the report of a run again.

    Raises:
        SourceError: the folder holds no report.
    """
    if (folder / MATRIX_FILE).is_file():
        sentence = matrix_sentence(render_matrix_again(folder))
    else:
        sentence = verdict_sentence(render_again(folder))
    sys.stdout.write(f"{sentence}\n{folder / 'report.html'}\n")
    return PASS


def diff(before: Path, after: Path, *, as_json: bool) -> int:
    """Print what changed between two runs; 1 when the second is worse.

    Raises:
        SourceError: one of them is no report.
    """
    found = compare(read_document(before), read_document(after))
    if as_json:
        sys.stdout.write(f"{json.dumps(found.document(), indent=2)}\n")
    else:
        sys.stdout.write(f"{found}\n")
    return FAIL if found.worse else PASS

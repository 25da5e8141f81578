"""The report of a matrix on disk: for machines, for people, for build servers."""

from __future__ import annotations

import json
from pathlib import Path

from ..errors import SourceError
from .document import Document
from .matrix_html import render_matrix
from .matrix_junit import matrix_junit
from .schema import MATRIX, validate

MATRIX_FILE = "matrix.json"


def write_matrix(folder: Path, document: Document) -> None:
    """Write `matrix.json`, `report.html` and `junit.xml`; other files stay.

    The histories of the scenarios are written while they run, into folders beside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, ensure_ascii=False)
    (folder / MATRIX_FILE).write_text(f"{text}\n", "utf-8")
    _render(folder, document)


def read_matrix(path: Path) -> Document:
    """Return the matrix in a folder, or in the file itself.

    Raises:
        SourceError: it is no matrix, or one of another version.
    """
    file = path / MATRIX_FILE if path.is_dir() else path
    try:
        document = json.loads(file.read_text("utf-8"))
    except FileNotFoundError as err:
        raise SourceError(str(file), "no such file; name the folder of a run") from err
    except (OSError, ValueError) as err:
        raise SourceError(str(file), f"cannot be read: {err}") from err
    validate(document, MATRIX, origin=str(file))
    return dict(document)


def render_matrix_again(folder: Path) -> Document:
    """Write what is derived from `matrix.json` of a folder anew; return the matrix.

    Raises:
        SourceError: it is no matrix, or one of another version.
    """
    document = read_matrix(folder)
    _render(folder, document)
    return document


def _render(folder: Path, document: Document) -> None:
    (folder / "junit.xml").write_text(matrix_junit(document), "utf-8")
    (folder / "report.html").write_text(render_matrix(document), "utf-8")

"""What may not stand in a file of this repository."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LARGEST_BYTES = 1_000_000
# Pictures and compressed samples belong to a measured result.
MAY_BE_BINARY = re.compile(r"(?:docs|reports)/.+\.(?:png|gz)")
# Written in pieces, or this file would contain what it forbids. Clients know their
# registries by themselves and by the host's configuration; a name here would pin them.
_REGISTRIES = (
    ("py", "pi", ".org"),
    ("python", "hosted", ".org"),
    ("proxy.", "golang", ".org"),
    ("sum.", "golang", ".org"),
    ("static.", "crates", ".io"),
    ("index.", "crates", ".io"),
    ("registry.", "npm", "js.org"),
    ("repo.", "maven", ".apache.org"),
    ("repo1.", "maven", ".org"),
    ("deb.", "debian", ".org"),
)
_PLACES = (
    ("/wo", "rk/main"),
    ("/wo", "rk/shared"),
    ("/ro", "ot/"),
    ("/ho", "me/runner"),
    ("/Us", "ers/"),
)
# A build stage's cache lies in the home of the image's root, not of the machine's.
_BUILD_CACHE = re.compile("".join(["target=", *_PLACES[2], r"[\w./-]+"]))
FORBIDDEN = {
    "names a package registry's host": ["".join(parts) for parts in _REGISTRIES],
    "names a place on somebody's machine": ["".join(parts) for parts in _PLACES],
}


def files_of_repository(root: Path) -> list[Path]:
    """Return what git knows or would add, so that a check before a commit counts."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    paths = [root / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def problems(name: str, content: bytes) -> Iterator[str]:
    """Yield what is wrong with one file."""
    if len(content) > LARGEST_BYTES:
        yield f"has {len(content)} bytes, {LARGEST_BYTES} are allowed"
    if b"\0" in content:
        if not MAY_BE_BINARY.fullmatch(name):
            yield "is binary"
        return
    text = content.decode("utf-8", errors="replace")
    if name.endswith("Dockerfile"):
        text = _BUILD_CACHE.sub("", text)
    for problem, words in FORBIDDEN.items():
        for word in words:
            if re.search(rf"(?<![\w-]){re.escape(word)}", text, re.IGNORECASE):
                yield f"{problem}: {word}"


def test_files_hold_nothing_forbidden() -> None:
    """No file names a registry or a machine, is binary, or is too large."""
    found = [
        f"{path.relative_to(ROOT)}: {problem}"
        for path in files_of_repository(ROOT)
        for problem in problems(str(path.relative_to(ROOT)), path.read_bytes())
    ]

    assert found == []


def test_this_file_is_among_them() -> None:
    """The list of files is the repository's, not an empty one."""
    assert Path(__file__).resolve() in files_of_repository(ROOT)


@pytest.mark.parametrize(
    "word", [word for words in FORBIDDEN.values() for word in words]
)
def test_forbidden_word_is_found(word: str) -> None:
    """Each word is caught in an address, in a command, and in capitals."""
    for text in (f"https://{word}/simple", f"cat '{word}'", word.upper()):
        assert len(list(problems("README.md", text.encode()))) == 1, text


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("tool", b"\x7fELF\0", "is binary"),
        ("src/picture.png", b"\x89PNG\0", "is binary"),
        ("docs/big.md", b"x" * 1_000_001, "has 1000001 bytes, 1000000 are allowed"),
    ],
)
def test_wrong_content_is_found(name: str, content: bytes, problem: str) -> None:
    """Binaries outside of results and large files are caught."""
    assert list(problems(name, content)) == [problem]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("docs/start.png", b"\x89PNG\0"),
        ("reports/run/samples.csv.gz", b"\x1f\x8b\0"),
        ("README.md", "Größe: 1 µs".encode()),
        ("README.md", b"install docker.io, then chroot/ and /network/maintenance"),
    ],
)
def test_right_content_passes(name: str, content: bytes) -> None:
    """Results may be binary, and words that only look alike are no problem."""
    assert list(problems(name, content)) == []


def test_build_cache_in_an_image_passes() -> None:
    """Root's home inside an image is fine as a cache, in a Dockerfile only."""
    line = f"RUN --mount=type=cache,target={''.join(_PLACES[2])}.cache/pip true"

    assert list(problems("stack/docker/x/Dockerfile", line.encode())) == []
    assert len(list(problems("stack/scripts/x.sh", line.encode()))) == 1


def test_ignored_files_do_not_count(tmp_path: Path) -> None:
    """What git ignores is not part of the repository, what is new is."""
    subprocess.run(["git", "init", "--quiet", "."], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("secret\n")
    (tmp_path / "secret").write_text("x")
    (tmp_path / "new").write_text("x")

    names = sorted(path.name for path in files_of_repository(tmp_path))

    assert names == [".gitignore", "new"]

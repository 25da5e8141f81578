"""Programs that observe a container from the host and need no tool inside of it.

They use the standard library only. Each is run as a process of its own, as `python -m
probes.NAME` with this folder's parent as working directory: by root on the host, or in
a helper container that shares the host's process ids. It reads one JSON request from
standard input and writes one JSON answer to standard output; what it could not observe
it says on standard error, with exit code 1. Modules here import each other relatively
and nothing else of this package.
"""

from __future__ import annotations

__all__: list[str] = []

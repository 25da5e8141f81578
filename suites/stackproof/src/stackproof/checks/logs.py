"""Where a service logs to, and whether that can be read and ends."""

from __future__ import annotations

from collections.abc import Iterator

from .. import sdk
from ..check import Claim, Finding, Subject, failed, passed, undecided
from ..contract.source import Contract
from ..model import State
from ..verify.stack import Stack
from .as_made import judge_drift
from .per_service import service_of

_BOUNDED = frozenset({"local", "none"})


def configured_logs(contract: Contract) -> Iterator[Claim]:
    """Ask for declared logging."""
    for name, service in contract.model.services.items():
        if service.declared.get("logging"):
            driver = service.declares("logging.driver") or "the default driver"
            yield Claim(
                subject=Subject(service=name, key="logging"),
                label=name,
                promised=f"logs to {driver}",
                detail="logging",
            )


judge_log_driver = judge_drift


def judge_rotation(claim: Claim, stack: Stack) -> Finding:
    """Judge the driver in force."""
    for row in stack.containers(service_of(claim)):
        config = row.host_config.get("LogConfig") or {}
        finding = rotation(str(config.get("Type") or ""), config.get("Config") or {})
        if finding is not None:
            return finding
    return passed("the log is bounded or kept elsewhere")


def rotation(driver: str, options: dict[str, str]) -> Finding | None:
    """Return what is wrong with a log driver, or None (pure)."""
    if driver != "json-file" or driver in _BOUNDED:
        return None
    if str(options.get("max-size") or "-1") in {"-1", "0"}:
        return failed(
            "json-file without max-size",
            "The log grows until the disk is full: set `max-size` and `max-file`, or "
            "use the driver `local`.",
        )
    return None


def judge_readable_log(claim: Claim, stack: Stack) -> Finding:
    """Ask for the last line."""
    for row in stack.containers(service_of(claim)):
        if row.state is State.CREATED:
            return undecided("it was never started")
        try:
            stack.engine.api.logs(row.id, tail=1)
        except sdk.DockerException as err:
            driver = (row.host_config.get("LogConfig") or {}).get("Type")
            return failed(
                f"driver {driver}: {err}",
                "The engine cannot read this log: use json-file, local or journald.",
            )
    return passed("docker logs answers")


def judge_output(claim: Claim, stack: Stack) -> Finding:
    """Look for one line."""
    rows = [r for r in stack.containers(service_of(claim)) if r.started_at]
    if not rows:
        return undecided("it was never started")
    for row in rows:
        if (row.host_config.get("LogConfig") or {}).get("Type") == "none":
            return failed("log driver none", "Nothing is kept of what it says.")
        if not stack.engine.api.logs(row.id, tail=1):
            return failed(
                f"{row.name} has logged nothing",
                "Let the program log to standard output, and switch its buffering off.",
            )
    return passed("has logged")

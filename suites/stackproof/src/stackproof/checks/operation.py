"""What the checks of OPS ask of a file, and how they look at a stack."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from docker.errors import DockerException, ImageNotFound

from ..check import Claim, Finding, Subject, failed, passed, undecided
from ..contract.source import Contract
from ..model import State
from ..verify.container import Inspected
from ..verify.stack import Stack
from .drift import ASPECTS, Made, aspects_of, differences, join
from .granted import Grant, grants, judge_grant
from .processes import ended_well, observe_service
from .running import judge_no_restart as _no_restart
from .running import judge_one_shot as _one_shot
from .running import judge_stays_up as _stays_up

Claims = Callable[[Contract], Iterator[Claim]]
_HASH = "com.docker.compose.config-hash"
_VERSION = "com.docker.compose.version"
_CLOCK_SECONDS = 2.0
_BOUNDED = frozenset({"local", "none"})


def service_of(claim: Claim) -> str:
    """Return the service that a claim is about."""
    return claim.subject.service or ""


def always_services(what: str) -> Claims:
    """Return a claim for each service."""

    def claims(contract: Contract) -> Iterator[Claim]:
        for name in contract.model.services:
            yield Claim(subject=Subject(service=name), label=name, promised=what)

    return claims


def long_running(what: str, key: str | None = None) -> Claims:
    """Return a claim for each service that is meant to stay."""

    def claims(contract: Contract) -> Iterator[Claim]:
        for name, service in contract.model.services.items():
            if name in contract.model.long_running and service.replicas:
                subject = Subject(service=name, key=key)
                yield Claim(subject=subject, label=name, promised=what)

    return claims


def file_claim(label: str, promised: str) -> Claims:
    """Return one claim for the whole file."""

    def claims(_contract: Contract) -> Iterator[Claim]:
        yield Claim(subject=Subject(), label=label, promised=promised)

    return claims


def drift_claims(contract: Contract) -> Iterator[Claim]:
    """Ask of each service each aspect that it has."""
    for name, service in contract.model.services.items():
        if "provider" in service.declared:
            continue
        for aspect in aspects_of(service):
            keys = tuple(k for k in ASPECTS[aspect][0] if k in service.declared)
            if aspect == "networks":
                keys = tuple(f"networks.{a.network}" for a in service.networks)
            elif aspect == "mounts":
                keys = ()
            yield Claim(
                subject=Subject(service=name, key=keys[0] if keys else None),
                label=f"{name}: {aspect}",
                promised=f"{aspect} as declared",
                keys=keys,
                detail=aspect,
            )


def judge_drift(claim: Claim, stack: Stack) -> Finding:
    """Compare all containers of a service in one aspect."""
    service = stack.model.services[service_of(claim)]
    rows = stack.containers(service.name)
    found = [
        difference
        for row in rows
        for difference in differences(
            str(claim.detail), service, _made(stack, row, service.image)
        )
    ]
    if found:
        return failed(
            join(found),
            "The container is not what the file says: make it anew with `docker "
            "compose up -d`, or correct the file.",
            differences=len(found),
        )
    return passed(f"{len(rows)} container(s) as declared")


def _made(stack: Stack, row: Inspected, image: str) -> Made:
    named = str(row.config.get("Image") or "")
    own = str(row.attrs.get("Image") or "")
    return Made(
        attrs=row.attrs,
        image=stack.once(f"image {own}", lambda: _image(stack, own)),
        tagged=None if stack.owned else _image(stack, named).get("Id"),
        wanted_image=image,
        networks={n.name: n.engine_name for n in stack.model.networks.values()},
        volumes={v.name: v.engine_name for v in stack.model.volumes.values()},
    )


def _image(stack: Stack, name: str) -> dict[str, Any]:
    try:
        return dict(stack.engine.images.get(name).attrs) if name else {}
    except ImageNotFound:
        return {}


def hashed_services(contract: Contract) -> Iterator[Claim]:
    """Ask of each service whose stored hash is the one that can be asked for.

    Where a service names another one's container, Compose puts the container's id in
    before it makes the hash.
    """
    for name, service in contract.model.services.items():
        modes = (service.declared.get(key) for key in ("network_mode", "ipc", "pid"))
        names_other = any(str(mode).startswith("service:") for mode in modes)
        if names_other or service.declared.get("volumes_from"):
            continue
        if "provider" not in service.declared:
            yield Claim(
                subject=Subject(service=name),
                label=name,
                promised="unchanged since it was made",
            )


def judge_hash(claim: Claim, stack: Stack) -> Finding:
    """Compare the hash in the labels with Compose's own."""
    text = stack.once("hashes", lambda: stack.compose("config", "--hash", "*"))
    hashes = dict(line.split()[:2] for line in text.splitlines() if " " in line)
    wanted = hashes.get(service_of(claim))
    if wanted is None:
        return undecided("this Compose prints no hash for the service")
    for row in stack.containers(service_of(claim)):
        labels = row.config.get("Labels") or {}
        if labels.get(_HASH) == wanted:
            continue
        made_by = release(str(labels.get(_VERSION, "another tool")))
        now = release(
            stack.once("version", lambda: stack.compose("version", "--short"))
        )
        if made_by != now:
            return passed(
                f"not comparable: made by Compose {made_by}, this is {now}; the single "
                "values are compared by OPS-01"
            )
        return failed(
            f"{row.name} was made from another configuration",
            "The file has changed since, or the container was made with other "
            "overlays, profiles or variables: run `docker compose up -d`, or verify "
            "with the files that it was made from.",
        )
    return passed("same hash")


def release(version: str) -> str:
    """Return the release that a version belongs to, without a packager's suffix."""
    found = re.search(r"\d+\.\d+\.\d+", version)
    return found[0] if found else version.strip()


def judge_orphans(_claim: Claim, stack: Stack) -> Finding:
    """Find containers whose service no file knows."""
    known = set(stack.model.services)
    for written in stack.contract.written.values():
        services = written.get("services")
        known |= set(services) if isinstance(services, dict) else set()
    strange = sorted({r.name for r in stack.containers() if r.service not in known})
    if strange:
        return failed(
            f"not in the file: {', '.join(strange)}",
            "Remove them with `docker compose up -d --remove-orphans`, or give the "
            "file that declares them too.",
            orphans=len(strange),
        )
    return passed("every container belongs to a service")


def replica_claims(contract: Contract) -> Iterator[Claim]:
    """Ask how many containers there are."""
    for name, service in contract.model.services.items():
        if "provider" in service.declared:
            continue
        keys = tuple(
            key
            for key in ("deploy.replicas", "scale")
            if service.declares(key) is not None
        )
        yield Claim(
            subject=Subject(service=name, key=keys[0] if keys else None),
            label=name,
            promised=f"{service.replicas} container(s)",
            keys=keys,
        )


def judge_replicas(claim: Claim, stack: Stack) -> Finding:
    """Count containers."""
    wanted = stack.model.services[service_of(claim)].replicas
    has = len(stack.containers(service_of(claim)))
    if has == wanted:
        return passed(f"{has} container(s)", containers=has)
    if has < wanted and stack.start_problem:
        return undecided(f"the start failed: {stack.start_problem}")
    return failed(
        f"{has} container(s), declared {wanted}",
        "Run `docker compose up -d` with this file; scale in the file, not by hand.",
        containers=has,
    )


def named_containers(contract: Contract) -> Iterator[Claim]:
    """Ask for declared names."""
    for name, service in contract.model.services.items():
        if service.declared.get("container_name"):
            wanted = str(service.declared["container_name"])
            yield Claim(
                subject=Subject(service=name, key="container_name"),
                label=name,
                promised=f"is called {wanted}",
                detail=wanted,
            )


def judge_name(claim: Claim, stack: Stack) -> Finding:
    """Compare names; in a copy, judge whether the name can be given."""
    wanted = str(claim.detail)
    if not stack.owned:
        names = [row.name for row in stack.containers(service_of(claim))]
        if names == [wanted]:
            return passed(f"is called {wanted}")
        return failed(
            f"is called {', '.join(names)}",
            f"Something else may hold the name {wanted}: remove it, then run `docker "
            "compose up -d`.",
        )
    services = stack.contract.model.services
    holders = [
        name
        for name, service in services.items()
        if service.declared.get("container_name") == wanted
        for _ in range(service.replicas)
    ]
    if len(holders) > 1:
        return failed(
            f"{len(holders)} containers would be called {wanted}",
            "A name can be given once: leave `container_name` out, or have one "
            "replica.",
        )
    return passed("one container can have the name; this copy has names of its own")


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
        except DockerException as err:
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


def judge_stays_up(claim: Claim, stack: Stack) -> Finding:
    """Judge the service as it stands."""
    stood = stack.look().rows[service_of(claim)]
    rows = stack.containers(service_of(claim))
    return _stays_up(rows, stood, owned=stack.owned, now=time.time())


def judge_no_restart(claim: Claim, stack: Stack) -> Finding:
    """Judge the restart counts."""
    return _no_restart(stack.containers(service_of(claim)))


def one_shots(contract: Contract) -> Iterator[Claim]:
    """Ask of those that others wait for."""
    for name in sorted(contract.model.one_shots):
        if name in contract.model.services:
            yield Claim(
                subject=Subject(service=name),
                label=name,
                promised="ends with 0 and runs once",
            )


def judge_one_shot(claim: Claim, stack: Stack) -> Finding:
    """Judge exit code and record."""
    name = service_of(claim)
    rows = stack.containers(name)
    policy = [
        str((row.host_config.get("RestartPolicy") or {}).get("Name") or "no")
        for row in rows
    ]
    record = stack.recorder.events if stack.recorder else ()
    events = [event for event in record if event.service == name and not event.one_off]
    return _one_shot(rows, events, policy=policy[0] if policy else "no")


def judge_clock(_claim: Claim, stack: Stack) -> Finding:
    """Compare the engine's clock with this host's."""
    before = time.time()
    engine = datetime.fromisoformat(str(stack.engine.info()["SystemTime"])).timestamp()
    after = time.time()
    return clock(engine - (before + after) / 2, uncertain=(after - before) / 2)


def clock(apart: float, *, uncertain: float) -> Finding:
    """Judge how far two clocks are apart (pure)."""
    if abs(apart) - uncertain > _CLOCK_SECONDS:
        return failed(
            f"{apart:+.1f} s apart",
            "Run a time service on the engine's host.",
            clock_offset_seconds=round(apart, 3),
        )
    return passed(f"{apart:+.3f} s apart", clock_offset_seconds=round(apart, 3))


def judge_offsets(claim: Claim, stack: Stack) -> Finding:
    """Read the offsets of the time namespaces."""
    seen = [one.inside for one in observe_service(stack, service_of(claim))]
    running = [inside for inside in seen if inside is not None]
    if not running:
        if ended_well(stack, service_of(claim)):
            return passed("has ended")
        return undecided("it does not run")
    worst = max(
        (abs(offset) for inside in running for offset in inside.clock_offsets.values()),
        default=0.0,
    )
    if worst > 0:
        return failed(
            f"clocks are shifted by up to {worst:g} s",
            "Start the container without an offset of its time namespace.",
            clock_offset_seconds=worst,
        )
    return passed("clock of the host", clock_offset_seconds=0.0)


def grant_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for each secret and config of each service."""
    for name, service in contract.model.services.items():
        for number, grant in enumerate(grants(service.declared, contract.document)):
            kind = grant.kind.removesuffix("s")
            yield Claim(
                subject=Subject(service=name, key=grant.key),
                label=f"{name}: {kind} {grant.source} ({number})",
                promised=f"{kind} {grant.source} at {grant.target}",
                detail=grant,
            )


def judge_granted(claim: Claim, stack: Stack) -> Finding:
    """Look the target up in each container."""
    grant = claim.detail
    if not isinstance(grant, Grant):
        raise TypeError(f"{claim.label} holds no grant")
    service = service_of(claim)
    targets = [g.target for g in _of_service(stack, service)]
    size = _size(grant.file)
    for one in observe_service(stack, service, targets):
        user = str(one.container.config.get("User") or "")
        if one.inside is not None:
            found = judge_grant(grant, one.inside, start_user=user, size=size)
        elif ended_well(stack, service):
            found = _ended(grant, one.container)
        else:
            found = undecided("the container does not run")
        if found.verdict != "pass":
            return found
    return passed(f"is at {grant.target}")


def _of_service(stack: Stack, service: str) -> list[Grant]:
    declared = stack.contract.model.services[service].declared
    return list(grants(declared, stack.contract.document))


def _size(file: str | None) -> int | None:
    try:
        return Path(file).stat().st_size if file else None
    except OSError:
        return None


def _ended(grant: Grant, row: Inspected) -> Finding:
    mounted = {mount["Destination"] for mount in row.attrs.get("Mounts") or ()}
    if grant.target in mounted or grant.file is None:
        return passed("has ended; by inspect only")
    return failed(
        f"nothing was mounted on {grant.target}",
        f"{grant.source} is declared and was not given to the container.",
    )


def score_claims(contract: Contract) -> Iterator[Claim]:
    """Ask for declared scores."""
    for name, service in contract.model.services.items():
        score = service.declared.get("oom_score_adj")
        if score is not None:
            yield Claim(
                subject=Subject(service=name, key="oom_score_adj"),
                label=name,
                promised=f"oom_score_adj {score}",
                detail=score,
            )


def judge_score(claim: Claim, stack: Stack) -> Finding:
    """Read the score from the kernel."""
    wanted = int(str(claim.detail))
    for one in observe_service(stack, service_of(claim)):
        if one.inside is None:
            has = one.container.host_config.get("OomScoreAdj")
        else:
            has = one.inside.first.oom_score_adj
        if has != wanted:
            return failed(
                f"oom_score_adj is {has}, declared {wanted}",
                "Make the container anew with `docker compose up -d`.",
            )
    return passed(f"oom_score_adj is {wanted}")

"""DATA: what shall be kept is kept, and what is mounted is what the file says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from .. import sdk
from ..check import (
    Check,
    Claim,
    Finding,
    Kind,
    Phase,
    Subject,
    failed,
    passed,
    undecided,
)
from ..contract.source import Contract
from ..drills.down_up import down_up
from ..drills.recreate import recreate
from ..errors import ProbeError
from ..model import StackModel
from ..verify.container import Inspected
from ..verify.stack import Stack
from .granted import grants
from .leftovers import (
    judge_anonymous,
    judge_comes_back,
    judge_kept,
    judge_outside,
    mounted_volumes,
    written_outside,
)
from .mounts import judge_mount, judge_volume

_VOLUME_KEYS = ("name", "driver", "driver_opts", "labels")
_LOOKED_AT = 50
_GO_FOLDER = 1 << 31
_RECREATE = "recreating the containers"
_DOWN_UP = "`down` and `up`"


def _mounts(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        entries = len(service.declares("volumes") or ())
        labels: set[str] = set()
        for index, mount in enumerate(service.mounts):
            source = (mount.kind == "volume" and mount.source) or mount.kind
            access = " (read-only)" if mount.read_only else ""
            label = f"{service.name}: {source} at {mount.target}{access}"
            label = label if label not in labels else f"{label} #{index}"
            labels.add(label)
            key = f"volumes[{index}]" if index < entries else "tmpfs"
            yield Claim(
                subject=Subject(service=service.name, key=key),
                label=label,
                promised=f"{mount.kind} at {mount.target}{access}",
                detail=index,
            )


def _judge_mount(claim: Claim, stack: Stack) -> Finding:
    service = stack.model.services[str(claim.subject.service)]
    mount = service.mounts[cast("int", claim.detail)]
    rows = stack.containers(service.name)
    if not rows:
        raise ProbeError("inspect", f"{service.name} has no container")
    findings = [
        judge_mount(mount, stack.model, row, _kernel_mounts(stack, row)) for row in rows
    ]
    return next((one for one in findings if one.message), findings[0])


def _kernel_mounts(stack: Stack, row: Inspected) -> list[dict[str, Any]] | None:
    if not row.running:
        return None

    def look() -> list[dict[str, Any]]:
        answer = stack.vantage.probe("process", {"pid": row.pid})
        return list(answer["mounts"])

    return stack.once(f"mounts of {row.id} {row.pid}", look)


def _volumes(contract: Contract) -> Iterator[Claim]:
    for name, declared in (contract.document.get("volumes") or {}).items():
        given = declared if isinstance(declared, Mapping) else {}
        keys = [f"volumes.{name}.{key}" for key in _VOLUME_KEYS if key in given]
        yield Claim(
            subject=Subject(key=keys[0] if keys else f"volumes.{name}"),
            label=f"volume {name}",
            promised="the engine's volume is as declared",
            keys=tuple(keys),
            detail=name,
        )


def _judge_volume(claim: Claim, stack: Stack) -> Finding:
    name = str(claim.detail)
    if not _users(stack.model, name):
        return passed("no service mounts it, so Compose makes none")
    declared = (stack.document.get("volumes") or {}).get(name) or {}
    try:
        attrs = stack.engine.api.inspect_volume(stack.model.volumes[name].engine_name)
    except sdk.NotFound:
        attrs = None
    return judge_volume(name, declared, attrs)


def _users(model: StackModel, volume: str) -> tuple[str, ...]:
    """Return the services that mount a volume, those that may write to it first."""
    found = [
        (mount.read_only, service.name)
        for service in model.services.values()
        for mount in service.mounts
        if service.replicas and mount.kind == "volume" and mount.source == volume
    ]
    return tuple(dict.fromkeys(name for _, name in sorted(found)))


def _kept(contract: Contract) -> Iterator[Claim]:
    for name, volume in contract.model.volumes.items():
        users = _users(contract.model, name)
        if users and not volume.external:
            yield Claim(
                subject=Subject(service=users[0]),
                label=f"volume {name}",
                promised=f"what {', '.join(users)} put there survives",
                detail=name,
            )


def _judge_recreated(claim: Claim, stack: Stack) -> Finding:
    done = recreate(stack)
    kept = done.kept.get(str(claim.detail))
    return judge_kept(kept, done.lost, drill=_RECREATE)


def _judge_down_up(claim: Claim, stack: Stack) -> Finding:
    done = down_up(stack)
    return judge_kept(done.kept.get(str(claim.detail)), done.lost, drill=_DOWN_UP)


def _services(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        if service.replicas:
            yield Claim(
                subject=Subject(service=service.name),
                label=service.name,
                promised="comes back as it was",
            )


def _judge_comes_back(claim: Claim, stack: Stack) -> Finding:
    name = str(claim.subject.service)
    if name not in recreate(stack).before.sound:
        return undecided("it did not stand as it should before, either")
    lost = {_RECREATE: recreate(stack).lost, _DOWN_UP: down_up(stack).lost}
    needs = {edge.service for edge in stack.model.services[name].depends_on}
    return judge_comes_back(name, lost, needs)


def _stateful(contract: Contract) -> Iterator[Claim]:
    for service in contract.model.services.values():
        if service.replicas:
            yield Claim(
                subject=Subject(service=service.name),
                label=service.name,
                promised="all data is in named volumes",
            )


def _judge_anonymous(claim: Claim, stack: Stack) -> Finding:
    rows = stack.containers(claim.subject.service)
    places = (place for row in rows for place in row.anonymous_volumes.values())
    return judge_anonymous(places)


def _judge_outside(claim: Claim, stack: Stack) -> Finding:
    found: list[str] = []
    declared = stack.model.services[str(claim.subject.service)].declared
    given = [grant.target for grant in grants(declared, stack.document)]
    for row in stack.containers(claim.subject.service):
        changes = stack.engine.api.diff(row.id) or ()
        paths = written_outside(changes, row, given)
        found += [
            path
            for number, path in enumerate(paths)
            if number >= _LOOKED_AT or not _is_folder(stack, row, path)
        ]
    return judge_outside(found)


def _is_folder(stack: Stack, row: Inspected, path: str) -> bool:
    """Tell whether a changed path is a folder; one with changed files is none."""
    try:
        _, facts = stack.engine.api.get_archive(row.id, path)
    except sdk.APIError:
        return False
    return bool(int(facts.get("mode") or 0) & _GO_FOLDER)


def _declared_volumes(contract: Contract) -> Iterator[Claim]:
    names = dict.fromkeys(
        [
            *contract.model.volumes,
            *(
                str(name)
                for document in contract.written.values()
                for volumes in [document.get("volumes")]
                if isinstance(volumes, Mapping)
                for name in volumes
            ),
        ]
    )
    used = {
        name
        for document in contract.written.values()
        for name in mounted_volumes(document)
    }
    for name in names:
        yield Claim(
            subject=Subject(key=f"volumes.{name}"),
            label=f"volume {name}",
            promised="some service mounts it",
            detail=name in used or bool(_users(contract.model, name)),
        )


def _judge_mounted(claim: Claim, _stack: Stack) -> Finding:
    if claim.detail:
        return passed("some service mounts it")
    return failed(
        "no service mounts it",
        "Remove the volume from the file, or mount it: a typing error in a mount is "
        "the usual reason, and the data goes elsewhere.",
    )


CHECKS: tuple[Check, ...] = (
    Check(
        id="DATA-01",
        title="Mounts are as declared",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Each entry of `volumes` and `tmpfs` is mounted at its path, from the "
        "declared source, writable or read-only as declared; a tmpfs has its size, "
        "mode and owner.",
        how="The engine's inspect, and what the kernel says PID 1 sees.",
        why="A container that was made before the file changed writes to the old "
        "place, and nobody notices until the data is needed.",
        fix="`docker compose up --force-recreate`.",
        claims=_mounts,
        judge=_judge_mount,
    ),
    Check(
        id="DATA-02",
        title="Volumes are made as declared",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Each named volume exists with its driver, options and labels.",
        how="The engine's inspect of the volume is compared with the file.",
        why="Compose leaves a volume that exists as it is, however the file changes.",
        fix="Save what it holds, remove it, and let Compose make it again.",
        claims=_volumes,
        judge=_judge_volume,
    ),
    Check(
        id="DATA-03",
        title="Named volumes survive new containers",
        kind=Kind.PROMISE,
        phase=Phase.RECREATE,
        live=False,
        proves="What a named volume holds is still there after all containers were "
        "made again, of other images.",
        how="Two small files are written into the volume through the engine, the "
        "containers are made again of images that hold the same and have another id, "
        "as an update does, and the files are looked for; so are the entries that were "
        "there before.",
        why="An update makes new containers; a service that clears its folder at the "
        "start loses everything at the first one.",
        fix="Mount the volume where the service keeps its data, and let nothing clear "
        "it at the start.",
        claims=_kept,
        judge=_judge_recreated,
    ),
    Check(
        id="DATA-04",
        title="Named volumes survive `down` and `up`",
        kind=Kind.PROMISE,
        phase=Phase.RECREATE,
        live=False,
        proves="What a named volume holds is still there after `docker compose down` "
        "(without --volumes) and `docker compose up`.",
        how="As DATA-03, with the networks and containers removed in between.",
        why="`down` is what people do before maintenance; a volume that lives in "
        "memory is empty afterwards.",
        fix="Give the volume a driver that stores it on disk.",
        claims=_kept,
        judge=_judge_down_up,
    ),
    Check(
        id="DATA-05",
        title="A service comes back on what it left behind",
        kind=Kind.PROMISE,
        phase=Phase.RECREATE,
        live=False,
        proves="After its container was made again, and after `down` and `up`, the "
        "service stands as it did before.",
        how="Both are done once, and every service is awaited as at the first start.",
        why="The second start differs from the first: data is there, a lock file may "
        "be, and a set-up script meets its own work.",
        fix="Make the start repeatable: remove stale locks, and skip what is done.",
        claims=_services,
        judge=_judge_comes_back,
    ),
    Check(
        id="DATA-06",
        title="No anonymous volumes",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="No container has a volume without a name, whether from the file or "
        "from a VOLUME line of its image.",
        how="The engine's inspect.",
        why="The next container gets a new and empty one, and the old ones fill the "
        "disk.",
        fix="Mount a named volume or a tmpfs at that path.",
        claims=_stateful,
        judge=_judge_anonymous,
    ),
    Check(
        id="DATA-07",
        title="No data outside of volumes",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="The container's own layer holds nothing but caches, logs and other "
        "passing files.",
        how="The engine's list of changed files of the container.",
        why="What is written there is lost with the container: a volume mounted at "
        "the wrong path looks fine until then.",
        fix="Mount the volume at the path where the service writes.",
        claims=_stateful,
        judge=_judge_outside,
    ),
    Check(
        id="DATA-08",
        title="Every declared volume is mounted",
        kind=Kind.POLICY,
        phase=Phase.FILE,
        live=True,
        proves="Some service mounts each volume of the file.",
        how="The files as they were written are read.",
        why="It is what is left of a typing error or of a service that went.",
        fix="Remove the volume, or mount it.",
        claims=_declared_volumes,
        judge=_judge_mounted,
    ),
)

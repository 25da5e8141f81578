"""OPS: what runs is what the file says, it stays up, and its logs are bounded."""

from __future__ import annotations

from ..check import Check, Kind, Phase
from . import as_made, grants_seen, logs, operation
from .as_made import drift_claims, hashed_services, named_containers, replica_claims
from .grants_seen import grant_claims
from .logs import configured_logs
from .operation import one_shots, score_claims
from .per_service import file_claim, long_running, services

CHECKS: tuple[Check, ...] = (
    Check(
        id="OPS-01",
        title="A container was made from what its service declares",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Image, command, variables, labels, mounts, networks and the other "
        "settings of every container are those of the file, and nothing was added.",
        how="The effective configuration is compared with the inspect documents of the "
        "container and of its image, aspect by aspect.",
        why="A changed file takes effect only in a new container; a container changed "
        "or made by hand is lost with the next `up`.",
        fix="Run `docker compose up -d` to make it anew, or correct the file.",
        claims=drift_claims,
        judge=as_made.judge_drift,
    ),
    Check(
        id="OPS-02",
        title="Compose itself sees no change since the container was made",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="`docker compose up` would not make the container anew.",
        how="The hash that Compose stored in the container's labels is compared with "
        "`docker compose config --hash`.",
        why="It covers each key of the service, also those that inspect does not show. "
        "Services that share a namespace of another are left out: Compose stores "
        "another hash for them.",
        fix="Run `docker compose up -d`, or bring the file back to what runs.",
        claims=hashed_services,
        judge=as_made.judge_hash,
    ),
    Check(
        id="OPS-03",
        title="The project has no container that the file does not know",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Every container of the project belongs to a service of the file.",
        how="The engine's list of the project's containers is compared with the file.",
        why="A service that was renamed or removed goes on running, holds ports and "
        "volumes, and nobody looks after it.",
        fix="Remove it with `docker compose up -d --remove-orphans`.",
        claims=file_claim("no orphans", "all containers belong to a service"),
        judge=as_made.judge_orphans,
    ),
    Check(
        id="OPS-04",
        title="A service has as many containers as declared",
        kind=Kind.PROMISE,
        phase=Phase.START,
        live=True,
        proves="The number of containers of each service is the declared one.",
        how="The containers with the service's label are counted.",
        why="A missing replica is load on the others; one too many costs memory that "
        "nobody planned.",
        fix="Run `docker compose up -d`; scale in the file, not by hand.",
        claims=replica_claims,
        judge=as_made.judge_replicas,
    ),
    Check(
        id="OPS-05",
        title="A container has its declared name",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="The container is called what `container_name` says. In a copy of the "
        "stack, which has names of its own, only that one container can have the name.",
        how="The engine's name of the container is compared with the file.",
        why="Scripts and people address the container by that name.",
        fix="Remove what holds the name, then run `docker compose up -d`.",
        claims=named_containers,
        judge=as_made.judge_name,
    ),
    Check(
        id="OPS-06",
        title="Logs go to the declared driver with the declared options",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="The container's log driver and all its declared options are in force.",
        how="`logging` is compared with LogConfig of the inspect document.",
        why="Options of the daemon do not reach containers that exist, and an option "
        "left out means an unbounded log.",
        fix="Run `docker compose up -d --force-recreate` for the service.",
        claims=configured_logs,
        judge=logs.judge_log_driver,
    ),
    Check(
        id="OPS-07",
        title="The log cannot fill the disk",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="The driver limits the size of the log, or keeps it elsewhere.",
        how="Driver and options in force are read from the inspect document, so that "
        "defaults of the daemon count.",
        why="The driver json-file keeps everything by default: the usual end of a host "
        "that ran well for a year.",
        fix="Set `logging: {driver: json-file, options: {max-size: 10m, max-file: "
        '"3"}}`, or use the driver `local`.',
        claims=services("bounded log"),
        judge=logs.judge_rotation,
    ),
    Check(
        id="OPS-08",
        title="The log can be read",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="`docker logs` answers for the container.",
        how="The last line of the log is asked for.",
        why="In trouble the log is what is looked at first.",
        fix="Use a driver that can be read (json-file, local, journald) or keep the "
        "engine's local cache of others on.",
        claims=services("log can be read"),
        judge=logs.judge_readable_log,
    ),
    Check(
        id="OPS-09",
        title="A service says something on its standard output",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="The service wrote at least one line to standard output or error.",
        how="The engine's log of the container is not empty.",
        why="A program that logs into files of its container leaves nothing when that "
        "is gone.",
        fix="Let the program log to standard output; switch off its buffering.",
        claims=long_running("logs to standard output"),
        judge=logs.judge_output,
    ),
    Check(
        id="OPS-10",
        title="A service stays up",
        kind=Kind.PROMISE,
        phase=Phase.START,
        live=True,
        proves="A service that is meant to run has not ended, and is not started again "
        "and again.",
        how="State, exit code and restart count of the container after the start. One "
        "that was started three times or more may have waited for another: it passes "
        "when it outlasts its earlier runs twice over (live: when it has run for five "
        "minutes).",
        why="A restart policy hides a service that crashes every few seconds.",
        fix="Read the log of the service for the reason of its end.",
        claims=long_running("stays up", key=None),
        judge=operation.judge_stays_up,
    ),
    Check(
        id="OPS-11",
        title="A service comes up without being started again",
        kind=Kind.POLICY,
        phase=Phase.START,
        live=True,
        proves="No restart was needed until now.",
        how="The engine's restart count of the container.",
        why="A start that works only the second time hangs on luck and order.",
        fix="Declare what it waits for with `depends_on` and conditions.",
        claims=long_running("comes up at once", key=None),
        judge=operation.judge_no_restart,
    ),
    Check(
        id="OPS-12",
        title="A one-shot service ends with 0 and runs once",
        kind=Kind.PROMISE,
        phase=Phase.START,
        live=True,
        proves="A service whose success others wait for has ended with exit code 0 and "
        "was not run again after that.",
        how="Exit code and restart policy from inspect; runs from the engine's events.",
        why="A migration that runs twice, or that never ends, breaks what follows.",
        fix='Give it `restart: "no"` or `on-failure`, and let it end with 0.',
        claims=one_shots,
        judge=operation.judge_one_shot,
    ),
    Check(
        id="OPS-13",
        title="Engine and this host agree on the time",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="The clocks of the engine and of this host differ by less than 2 s.",
        how="The engine's own time is compared with this host's.",
        why="Times in logs, tokens and data are wrong on a host whose clock drifts; a "
        "paused virtual machine is the usual cause.",
        fix="Run a time service on the engine's host.",
        claims=file_claim("clock", "engine and host agree on the time"),
        judge=operation.judge_clock,
    ),
    Check(
        id="OPS-14",
        title="A service has the clock of its host",
        kind=Kind.POLICY,
        phase=Phase.LOOK,
        live=True,
        proves="No time namespace shifts the clocks of the container.",
        how="The offsets of PID 1's time namespace are read from the kernel.",
        why="Shifted clocks make times of one service not comparable with another's.",
        fix="Start the container without an offset of its time namespace.",
        claims=long_running("clock of its host"),
        judge=operation.judge_offsets,
    ),
    Check(
        id="OPS-15",
        title="Secrets and configs are where the service finds them",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Each granted secret or config is a file at its target, as large as its "
        "source, and the service's user may read it.",
        how="The path is looked up in the container's own root; of one that has ended, "
        "the mounts are compared.",
        why="A missing source becomes an empty folder, and a file with mode 0400 of "
        "another user is there and of no use.",
        fix="Create the source file, make it readable for the service's user, and make "
        "the container anew.",
        claims=grant_claims,
        judge=grants_seen.judge_granted,
    ),
    Check(
        id="OPS-16",
        title="The kernel spares or prefers a service as declared when memory is short",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="PID 1 has the declared oom_score_adj.",
        how="The score is read from the kernel; of a container that has ended, from "
        "inspect.",
        why="It decides which service dies first on a host that runs out of memory.",
        fix="Run `docker compose up -d --force-recreate` for the service.",
        claims=score_claims,
        judge=operation.judge_score,
    ),
)

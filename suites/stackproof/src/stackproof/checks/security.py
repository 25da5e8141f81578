"""SECURITY: a service is confined as declared, and exposes no more than it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..check import Check, Finding, Kind, Phase
from . import guarding, secrets_kept
from .exposure import (
    judge_host_namespaces,
    judge_power,
    judge_secret_variables,
    judge_socket,
    judge_tag,
    judge_world,
)
from .guarding import declaring, of_file
from .per_service import Claims, services

_FORCE = "Make the container anew with `docker compose up -d --force-recreate`."


def _promise(
    number: int,
    title: str,
    claims: Claims,
    judge: Callable[..., Finding],
    *,
    kind: Kind = Kind.PROMISE,
    phase: Phase = Phase.LOOK,
    proves: str,
    how: str,
    why: str,
    fix: str = _FORCE,
) -> Check:
    return Check(
        id=f"SECURITY-{number:02}",
        title=title,
        kind=kind,
        phase=phase,
        live=True,
        proves=proves,
        how=how,
        why=why,
        fix=fix,
        claims=claims,
        judge=judge,
    )


_policy = partial(
    _promise,
    kind=Kind.POLICY,
    phase=Phase.FILE,
    how="The effective configuration is read; nothing has to run.",
)

CHECKS: tuple[Check, ...] = (
    _promise(
        1,
        "A service runs as its declared user",
        declaring("user"),
        guarding.user,
        proves="PID 1 has the declared user and group.",
        how="`user` is compared with inspect, and with the ids that the kernel has for "
        "PID 1; names are looked up in the container's own passwd.",
        why="A program that is root in its container is one fault away from more.",
    ),
    _promise(
        2,
        "A service has the declared capabilities and no others",
        declaring("cap_drop", "cap_add"),
        guarding.capabilities,
        proves="What is dropped can never be had by PID 1, what is added can.",
        how="`cap_add` and `cap_drop` are compared with inspect and with the kernel's "
        "bounding set of PID 1.",
        why="`privileged` silently brings back all that was dropped.",
    ),
    _promise(
        3,
        "A service is privileged only if declared",
        guarding.privileged_claims,
        guarding.privileged,
        proves="The engine's flag is the declared one.",
        how="`privileged` is compared with inspect.",
        why="Privileged is root on the host.",
    ),
    _promise(
        4,
        "Each security option is in force",
        guarding.option_claims,
        guarding.security_option,
        proves="no-new-privileges, seccomp, AppArmor and labels are as declared.",
        how="`security_opt` is compared with inspect and with the kernel's NoNewPrivs, "
        "Seccomp and label of each process.",
        why="An engine or kernel without the feature can leave an option out.",
    ),
    _promise(
        5,
        "A read-only root is read-only",
        declaring("read_only"),
        guarding.read_only,
        proves="The root of the container is mounted as declared.",
        how="The flags of the mount at / are read from the kernel's table.",
        why="An intruder cannot leave a program behind, and no data is lost that "
        "somebody thought was kept.",
    ),
    _promise(
        6,
        "A service has the declared namespaces",
        guarding.namespace_claims,
        guarding.namespace,
        proves="Processes, IPC, host name, users, control groups and network are "
        "shared with whom the file says, and with nobody else.",
        how="The namespaces of PID 1 are compared with those of the host or of the "
        "other service.",
        why="`service:NAME` points at a container: when that one is made anew, the "
        "share is with one that is gone.",
    ),
    _promise(
        7,
        "A service has the declared devices",
        declaring("devices"),
        guarding.given_devices,
        proves="Each device of the host is in the container, with the declared rights.",
        how="`devices` is compared with inspect, and the path is looked up in the "
        "container's root.",
        why="A device that got another name on the host is missing after a restart.",
    ),
    _promise(
        8,
        "A service has the declared extra groups",
        declaring("group_add"),
        guarding.groups,
        proves="PID 1 belongs to the groups of `group_add`.",
        how="`group_add` is compared with inspect and with the kernel's groups of PID "
        "1; a program that gave root up has chosen its groups itself.",
        why="Without the group a device or folder cannot be used.",
    ),
    _promise(
        9,
        "No declared secret can be seen from outside",
        secrets_kept.with_secrets,
        secrets_kept.leaks,
        proves="No value of the file's secrets is in a service's environment, in what "
        "inspect shows, or in its last 5000 log lines.",
        how="Each value is searched for; it is never printed. Short values, "
        "and those that are a name of the file as well, are found by chance and left "
        "out.",
        why="A secret that is in the log is in every copy of the log.",
        fix="Hand on the path of the secret, do not log its value, and change it.",
    ),
    _policy(
        10,
        "Nothing runs as root",
        services("nothing runs as root"),
        guarding.no_root,
        phase=Phase.LOOK,
        proves="No process of the container is root, an init that only reaps left out.",
        how="The user ids of all processes are read from the kernel.",
        why="Root in a container is root for the kernel, but for some capabilities.",
        fix="Set `user`, or let the image change to a user of its own.",
    ),
    _policy(
        11,
        "Capabilities are dropped",
        services("drops all capabilities"),
        guarding.measure("capabilities"),
        phase=Phase.LOOK,
        proves="All capabilities are dropped, and at most single ones added.",
        how="CapDrop of the inspect document.",
        why="The engine's default leaves 14, of which most programs need none.",
        fix="Set `cap_drop: [ALL]` and add what is missed with `cap_add`.",
    ),
    _policy(
        12,
        "No process can gain privileges",
        services("no new privileges"),
        guarding.measure("no-new-privileges"),
        phase=Phase.LOOK,
        proves="no-new-privileges is set.",
        how="SecurityOpt of the inspect document.",
        why="A set-uid program of the image makes an intruder root.",
        fix='Set `security_opt: ["no-new-privileges:true"]`.',
    ),
    _policy(
        13,
        "The root is read-only",
        services("read-only root"),
        guarding.measure("read-only"),
        phase=Phase.LOOK,
        proves="The root of the container cannot be written to.",
        how="ReadonlyRootfs of the inspect document.",
        why="What is written there is lost with the container, or was not meant to be.",
        fix="Set `read_only: true`, and a tmpfs or volume where the program writes.",
    ),
    _policy(
        14,
        "The engine's socket is not mounted",
        services("no socket of the engine"),
        of_file(judge_socket),
        proves="No mount hands the socket of a container engine on.",
        why="Who can write to it is root on the host; `:ro` does not change that.",
        fix="Use a proxy that allows only the calls needed.",
    ),
    _policy(
        15,
        "No namespace is shared with the host",
        services("no namespace of the host"),
        of_file(judge_host_namespaces),
        proves="Network, processes, IPC, host name, users and control groups are the "
        "service's own.",
        why="In the host's network a service reaches all that listens on 127.0.0.1.",
        fix="Publish ports and mount paths instead.",
    ),
    _policy(
        16,
        "No service is nearly root of the host",
        services("no excessive rights"),
        of_file(judge_power),
        proves="No service is privileged, unconfined or has one of the capabilities "
        "that open the host.",
        why="Each of them is a documented way out of the container.",
        fix="Add only the capabilities and devices that the program needs.",
    ),
    _policy(
        17,
        "No secret is among the variables",
        services("no secret among the variables"),
        of_file(judge_secret_variables),
        proves="No variable whose name says password, token or key has a value, and no "
        "URL holds a password.",
        why="Variables are shown by inspect, inherited by children and end in dumps.",
        fix="Use `secrets`, and a variable NAME_FILE where the program knows it.",
    ),
    _policy(
        18,
        "No secret variable is logged",
        services("logs no secret variable"),
        secrets_kept.logged_variables,
        phase=Phase.LOOK,
        proves="No value of a secret variable is in the last 5000 log lines.",
        how="Each value that is not too short is searched for; it is never printed.",
        why="Logs are kept longer, and read by more people, than secrets.",
        fix="Do not log settings as they are; change the secret.",
    ),
    _policy(
        19,
        "An image has a version",
        services("the image has a version"),
        of_file(judge_tag),
        proves="The image's name has a tag other than latest, or a digest.",
        why="The next pull brings another program, on one host and not on the other.",
        fix="Name a version.",
    ),
    _policy(
        20,
        "An image of a registry is pinned by its digest",
        services("the image is pinned"),
        guarding.digest,
        phase=Phase.LOOK,
        proves="The name holds the digest, or the image was made on this host.",
        how="The image's RepoDigests tell whether it came from a registry.",
        why="A tag can be moved, also by somebody who should not.",
        fix="Write name:tag@sha256:… as `docker compose config "
        "--resolve-image-digests` prints it.",
    ),
    _policy(
        21,
        "No port is offered to the world",
        services("no port is offered to the world"),
        of_file(judge_world),
        proves="Each published port is bound to an address of the host.",
        why="The engine's packet rules come before those of the host's firewall.",
        fix='Write "127.0.0.1:8080:80", and let one proxy face the world.',
    ),
    _policy(
        22,
        "A secret's file is not for everybody",
        secrets_kept.secret_files,
        secrets_kept.secret_mode,
        proves="Other users of the host can neither change the file nor, through all "
        "folders above it, read it.",
        how="Modes of the file and of the folders above it.",
        why="A secret that every user of the host reads is none.",
        fix="`chmod 700` the folder that holds it.",
    ),
)

"""CONFIG: the file says what was meant, and all that it names is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..check import Check, Claim, Finding, Kind, Phase
from ..contract.source import Contract
from ..verify.stack import Stack
from . import declared, variables
from .per_service import services

_EFFECTIVE = "The effective configuration is read; nothing has to run."

_REFUSED = (
    "Nothing else is judged then: `plan` and `verify` end with exit code 2, a report "
    "holds this failure, and pytest shows an error of collection."
)


def _check(
    number: int,
    title: str,
    claims: Callable[[Contract], Iterator[Claim]],
    judge: Callable[[Claim, Stack], Finding],
    *,
    kind: Kind = Kind.PROMISE,
    proves: str,
    how: str = _EFFECTIVE,
    why: str,
    fix: str,
) -> Check:
    return Check(
        id=f"CONFIG-{number:02}",
        title=title,
        kind=kind,
        phase=Phase.FILE,
        live=True,
        proves=proves,
        how=how,
        why=why,
        fix=fix,
        claims=claims,
        judge=judge,
    )


CHECKS: tuple[Check, ...] = (
    _check(
        1,
        "The files are valid for Compose",
        declared.valid,
        declared.judge_valid,
        proves="Compose can read all files together.",
        how="`docker compose config` was asked for the effective configuration. A file "
        "that it refuses is reported as this check, at the service and key that it "
        f"names. {_REFUSED}",
        why="Everything else is compiled from it.",
        fix="Correct the place that Compose names.",
    ),
    _check(
        2,
        "Every variable that the file uses is set",
        variables.used_variables,
        variables.judge_set,
        proves="No ${NAME} without a default was replaced by an empty text.",
        how="The variables that the written file uses are compared with the warnings "
        "of `docker compose config`. It refuses a file that demands one with "
        f"${{NAME:?…}} in vain. {_REFUSED}",
        why="An empty image tag, password or path shows up much later, elsewhere.",
        fix="Set it, give it a default with ${NAME:-…}, or demand it with ${NAME:?…}.",
    ),
    _check(
        3,
        "A variable without a value in the file gets one",
        variables.bare_variables,
        variables.judge_bare,
        proves="Each name in `environment` that has no value there got one from the "
        "caller. Proxies and the like may be missing.",
        why="Compose hands such a name on without a word when nothing sets it.",
        fix="Set it where Compose is called, or in the file.",
    ),
    _check(
        4,
        "Every env_file is there",
        variables.env_file_claims,
        variables.judge_env,
        proves="Each named file can be read, or may be absent.",
        how="Compose refuses a file that names a missing one, and this check is "
        f"reported of each service that names it. {_REFUSED} The path of one "
        "that may be absent is looked up on this host.",
        why="Without it a service starts with other variables than meant.",
        fix="Create the file, or say `required: false`.",
    ),
    _check(
        5,
        "What is to be built can be built",
        services("context and Dockerfile are there", "build"),
        declared.judge_built,
        proves="The folder and the Dockerfile of `build` are on this host.",
        how="The paths are looked up on this host; what is fetched is left out.",
        why="It is noticed only when somebody needs a new image in a hurry.",
        fix="Correct `build.context` and `build.dockerfile`.",
    ),
    _check(
        6,
        "A path of the host that is mounted is there",
        declared.bind_claims,
        declared.judge_mounted,
        proves="The source exists where the engine does not make it, and where the "
        "name says that it is a file.",
        how="The path is looked up on this host.",
        why="In place of a missing file the engine makes an empty folder.",
        fix="Create the file or folder before the start.",
    ),
    _check(
        7,
        "Every secret and config can be had",
        declared.source_claims,
        declared.judge_had,
        proves="Each file is there and can be read; none is external.",
        how="The path is looked up on this host.",
        why="A missing file becomes an empty folder in the container.",
        fix="Create the file.",
    ),
    _check(
        8,
        "No two services want the same host port",
        declared.port_claims,
        declared.judge_host_ports,
        proves="Each host port of the file can be had, also by all replicas.",
        why="The second one fails to start, and which one that is changes.",
        fix="Change one of the ports.",
    ),
    _check(
        9,
        "A static address lies in its network and is free",
        declared.address_claims,
        declared.judge_static,
        proves="The address is in a declared subnet, and nobody else has it.",
        why="The engine refuses the container at the start.",
        fix="Choose an address of the subnet.",
    ),
    _check(
        10,
        "No variable is empty by accident",
        services("no empty variable", "environment"),
        variables.judge_empty,
        kind=Kind.POLICY,
        proves="No variable is empty, unless its default is written as ${NAME:-}, or "
        "NAME_FILE is set as well.",
        how="The effective environment is compared with the written one.",
        why="Programs take an empty password or URL for a value.",
        fix="Give it a value, leave it out, or write ${NAME:-}.",
    ),
    _check(
        11,
        "No value is a placeholder",
        variables.filled_in,
        variables.judge_placeholders,
        kind=Kind.POLICY,
        proves="No variable and no secret's file holds changeme, your_…, <…>, TODO "
        "or a well-known password.",
        how="The effective environment and the first bytes of each secret are read.",
        why="The password of the example is the first that is tried.",
        fix="Put the real value there.",
    ),
    _check(
        12,
        "No key is out of date",
        declared.old,
        declared.judge_old,
        kind=Kind.POLICY,
        proves="The file uses no key that Compose gave up or advises against.",
        how="The written and the effective configuration, and Compose's warnings.",
        why="They stop working with some later release.",
        fix="The message names what to use instead.",
    ),
    _check(
        13,
        "No key is without effect",
        services("every key has an effect"),
        declared.judge_ignored,
        kind=Kind.POLICY,
        proves="The service declares nothing that Compose passes over in silence.",
        why="Who reads the file believes what it says: that a restart is delayed, or "
        "that a secret has mode 0400.",
        fix="Leave it out, or declare what is meant in another way.",
    ),
    _check(
        14,
        "No folder of the host is made by accident",
        declared.made_folder_claims,
        declared.judge_made,
        kind=Kind.POLICY,
        proves="Each folder that is mounted was there before.",
        how="The path is looked up on this host.",
        why="The engine makes it for root, and a service with another user cannot "
        "write there.",
        fix="Create it with the right owner, or use a named volume.",
    ),
)

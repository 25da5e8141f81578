"""RESTART: a restart policy holds, and what is started again works again."""

from __future__ import annotations

from collections.abc import Iterator

from ..check import (
    ENGINE_RESTART,
    Check,
    Claim,
    Finding,
    Kind,
    Phase,
    Subject,
    passed,
)
from ..contract.source import Contract
from ..drills.crash import end_all, exhaust, exhaustible, kill_all, starve_all
from ..drills.engine import restart_engine
from ..drills.layers import needs
from ..drills.stop_all import STAY_DOWN_SECONDS, stop_all
from ..errors import ProbeError
from ..model import Service, State
from ..restarts import declared_policy, long_running, returns_at_boot
from ..verify.stack import Stack
from .restart_judges import (
    as_declared,
    back_after_boot,
    came_back,
    crashed,
    ended,
    exhausted,
    restarts_itself,
    stayed_down,
)

_KEYS = (
    "restart",
    "deploy.restart_policy.condition",
    "deploy.restart_policy.max_attempts",
)


def _claim(service: Service, promised: str, *keys: str) -> Claim:
    return Claim(
        subject=Subject(service=service.name, key=keys[0] if keys else None),
        label=service.name,
        promised=promised,
        keys=keys,
    )


def _declared(contract: Contract) -> Iterator[Claim]:
    for name in sorted(contract.model.services):
        service = contract.model.services[name]
        if service.replicas:
            policy = declared_policy(service)
            yield _claim(service, f"restart {policy or 'as Compose reads it'}", *_KEYS)


def _have(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        yield _claim(service, "has a restart policy")


def _stay(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        yield _claim(service, "stays down after it was stopped by hand")


def _again(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        yield _claim(service, "starts again after a stop")


def _crash(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        policy = declared_policy(service)
        up = policy is None or policy.restarts(137)
        promised = "comes back after a crash" if up else "stays down after a crash"
        yield _claim(service, promised, *_KEYS)


def _end(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        policy = declared_policy(service) or "no"
        yield _claim(service, f"restart {policy} after an end by itself", *_KEYS)


def _limit(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        policy = declared_policy(service)
        if policy is not None and exhaustible(policy):
            yield _claim(service, f"{policy.retries} restarts, then no more", *_KEYS)


def _starve(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        limit = service.declares("deploy.resources.limits.memory")
        if limit or service.declares("mem_limit"):
            policy = declared_policy(service)
            up = policy is None or policy.restarts(137)
            promised = "comes back" if up else "stays down"
            yield _claim(service, f"{promised} when it has run out of memory", *_KEYS)


def _boot(contract: Contract) -> Iterator[Claim]:
    for service in long_running(contract.model):
        if returns_at_boot(service):
            yield _claim(service, "comes back when the engine is restarted", *_KEYS)


def _name(claim: Claim) -> str:
    return claim.subject.service or ""


def _judge_declared(claim: Claim, stack: Stack) -> Finding:
    service = stack.model.services[_name(claim)]
    rows = stack.containers(service.name)
    if not rows:
        raise ProbeError("inspect", f"{service.name} has no container")
    held = [row.host_config.get("RestartPolicy") or {} for row in rows]
    return as_declared(service.name, declared_policy(service), held)


def _judge_have(claim: Claim, stack: Stack) -> Finding:
    service = stack.model.services[_name(claim)]
    rows = stack.containers(service.name)
    if rows and all(row.state is State.EXITED and row.exit_code == 0 for row in rows):
        return passed("has done its work and ended with 0")
    return restarts_itself(declared_policy(service), service.name)


def _judge_stay(claim: Claim, stack: Stack) -> Finding:
    return stayed_down(stop_all(stack), _name(claim), STAY_DOWN_SECONDS)


def _judge_again(claim: Claim, stack: Stack) -> Finding:
    return came_back(stop_all(stack), _name(claim), needs(stack.model))


def _judge_crash(claim: Claim, stack: Stack) -> Finding:
    service = stack.model.services[_name(claim)]
    return crashed(kill_all(stack).get(service.name), service, needs(stack.model))


def _judge_starve(claim: Claim, stack: Stack) -> Finding:
    service = stack.model.services[_name(claim)]
    return crashed(starve_all(stack).get(service.name), service, needs(stack.model))


def _judge_end(claim: Claim, stack: Stack) -> Finding:
    service = stack.model.services[_name(claim)]
    return ended(end_all(stack).get(service.name), service, needs(stack.model))


def _judge_limit(claim: Claim, stack: Stack) -> Finding:
    service = stack.model.services[_name(claim)]
    return exhausted(exhaust(stack).get(service.name), service)


def _judge_boot(claim: Claim, stack: Stack) -> Finding:
    done = stack.once("engine restart", lambda: restart_engine(stack))
    return back_after_boot(done, _name(claim))


CHECKS = (
    Check(
        id="RESTART-01",
        title="The engine holds the declared restart policy",
        kind=Kind.PROMISE,
        phase=Phase.LOOK,
        live=True,
        proves="Every container of the service has the policy and the limit of "
        "restarts that the file declares; none where it declares none.",
        how="`HostConfig.RestartPolicy` of every container is compared with `restart` "
        "or `deploy.restart_policy`.",
        why="A container that was made before the file was changed keeps its policy.",
        fix="Recreate the container with `docker compose up`.",
        claims=_declared,
        judge=_judge_declared,
    ),
    Check(
        id="RESTART-02",
        title="A service has a restart policy",
        kind=Kind.POLICY,
        phase=Phase.FILE,
        live=True,
        proves="The file tells the engine to start the service again after a crash.",
        how="Read from the file; one-shots are left out.",
        why="Without a policy a service is down after the first crash or reboot until "
        "somebody notices.",
        fix="Declare `restart: unless-stopped`.",
        claims=_have,
        judge=_judge_have,
    ),
    Check(
        id="RESTART-03",
        title="A stop by hand lasts",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="No policy started the service after `docker compose stop`.",
        how="The engine's events are watched for a `start` for two seconds after the "
        "stop of the whole stack; a policy acts after 0.1 s.",
        why="Maintenance needs services that stay stopped.",
        fix="Look for what starts the container beside the engine's policy.",
        claims=_stay,
        judge=_judge_stay,
    ),
    Check(
        id="RESTART-04",
        title="A stopped service starts again",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="The same container works again after a stop and a start.",
        how="After the stop of the whole stack every service is started and has to "
        "stand as before; if it does not, again with all that it needs up.",
        why="What the first run leaves in the container's own layer, such as a pid "
        "file, may keep the second one from starting: after the next reboot.",
        fix="Remove leftovers at the start of the program, or keep them on a tmpfs.",
        claims=_again,
        judge=_judge_again,
    ),
    Check(
        id="RESTART-05",
        title="A crash is answered as the restart policy says",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="After SIGKILL the engine started the service again and it stands as "
        "before; or it stayed down, where the policy is `no`.",
        how="The host kills the main process of all long-running services at once, "
        "which the engine takes for a crash; a service that has trouble is tried again "
        "alone. The engine's events show what follows.",
        why="A policy that was never tried may restart a service that cannot start a "
        "second time.",
        fix="See what the service logs after the crash; a lock or pid file that was "
        "left behind is the usual cause.",
        claims=_crash,
        judge=_judge_crash,
    ),
    Check(
        id="RESTART-06",
        title="An end without a crash is answered as the restart policy says",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="After an end that the engine had not ordered, `always` and "
        "`unless-stopped` started the service again, `on-failure` only if its exit "
        "code was not 0, and `no` did not.",
        how="The host sends the main process its stop signal, which the engine takes "
        "for an end by itself. The engine's events show what follows.",
        why="A service that ends with 0 by mistake is not restarted by `on-failure`.",
        fix="Choose the policy by what the service does: `unless-stopped` for servers.",
        claims=_end,
        judge=_judge_end,
    ),
    Check(
        id="RESTART-07",
        title="The limit of restarts holds",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="With `on-failure:N` the engine started the service N times, no more.",
        how="The host kills the main process after every start until the engine gives "
        "up; for limits up to 5, as the engine waits twice as long each time.",
        why="A limit that is never reached hides a restart loop; one that is reached "
        "too soon leaves a service down.",
        fix="Recreate the container; check the limit in the file.",
        claims=_limit,
        judge=_judge_limit,
    ),
    Check(
        id="RESTART-08",
        title="A service that runs out of memory is restarted as its policy says",
        kind=Kind.PROMISE,
        phase=Phase.STOP,
        live=False,
        proves="After the kernel killed the main process at the memory limit, the "
        "engine started the service again and it stands as before; or it stayed down, "
        "where the policy is `no`.",
        how="A process of the host fills the memory of the container's control group "
        "until the kernel kills PID 1; one service after the other.",
        why="Running out of memory is the usual crash in production, and the one that "
        "is tried least.",
        fix="As for RESTART-05.",
        claims=_starve,
        judge=_judge_starve,
    ),
    Check(
        id="RESTART-09",
        title="A service comes back when the engine is restarted",
        kind=Kind.PROMISE,
        phase=Phase.ENGINE,
        live=False,
        proves="After a restart of the engine, the service stood as before without "
        "anybody's help.",
        how="The engine is restarted by its service manager, or by SIGTERM and the "
        "same command again. It starts containers in an order of its own: "
        "`depends_on` is Compose's. Runs only with `--allow-engine-restart`, as it "
        "ends every container of the host for a moment.",
        why="A reboot or an update of the engine is the start that nobody watches.",
        fix="See what the service logs; let it wait for what it needs.",
        claims=_boot,
        judge=_judge_boot,
        needs=frozenset({ENGINE_RESTART}),
    ),
)

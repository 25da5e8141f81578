"""What a restart policy promises (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .model import Service, StackModel


class Restart(StrEnum):
    """The engine's four policies."""

    NO = "no"
    ALWAYS = "always"
    UNLESS_STOPPED = "unless-stopped"
    ON_FAILURE = "on-failure"


# deploy.restart_policy.condition, as the specification and as Compose reads it.
_CONDITIONS = {
    "none": Restart.NO,
    "no": Restart.NO,
    "any": Restart.ALWAYS,
    "always": Restart.ALWAYS,
    "on-failure": Restart.ON_FAILURE,
    "unless-stopped": Restart.UNLESS_STOPPED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A restart policy; `retries` 0 stands for no limit."""

    restart: Restart
    retries: int = 0

    @property
    def at_boot(self) -> bool:
        """Whether the engine starts the container when it starts itself."""
        return self.restart in {Restart.ALWAYS, Restart.UNLESS_STOPPED}

    def restarts(self, exit_code: int, *, count: int = 0) -> bool:
        """Tell whether the engine starts a container that ended by itself.

        Args:
            exit_code: of its main process.
            count: how often the policy has started it already.
        """
        if self.restart is Restart.ON_FAILURE:
            return exit_code != 0 and (self.retries == 0 or count < self.retries)
        return self.restart is not Restart.NO

    def __str__(self) -> str:
        return f"{self.restart}:{self.retries}" if self.retries else str(self.restart)


def declared_policy(service: Service) -> Policy | None:
    """Return the policy that a service asks for; None when it is not a known one.

    `deploy.restart_policy` wins over `restart`, as in Compose. Without a condition it
    means "any" to the specification and "no" to Compose, so nothing is known.
    """
    deploy = service.declares("deploy.restart_policy")
    if isinstance(deploy, Mapping) and deploy:
        condition = _CONDITIONS.get(str(deploy.get("condition")))
        if condition is None:
            return None
        return Policy(restart=condition, retries=_count(deploy.get("max_attempts")))
    name, _, retries = service.restart.partition(":")
    return parse_policy({"Name": name, "MaximumRetryCount": retries})


def returns_at_boot(service: Service) -> bool:
    """Tell whether the engine starts a service when it starts itself."""
    policy = declared_policy(service)
    return policy is not None and policy.at_boot


def parse_policy(policy: Mapping[str, Any]) -> Policy | None:
    """Return what `HostConfig.RestartPolicy` says; None when it is not a known one."""
    try:
        restart = Restart(str(policy.get("Name") or "no"))
    except ValueError:
        return None
    return Policy(restart=restart, retries=_count(policy.get("MaximumRetryCount")))


def long_running(model: StackModel) -> tuple[Service, ...]:
    """Return the services that are meant to stay, in the order of their names."""
    return tuple(
        model.services[name]
        for name in sorted(model.long_running)
        if model.services[name].replicas
    )


def _count(value: object) -> int:
    text = str(value or "0")
    return int(text) if text.isdigit() else 0

"""The conditions on which variables are required that several of them share."""

from __future__ import annotations

from collections.abc import Callable

from teleport_bootstrap.conf.deployment import Deployment
from teleport_bootstrap.conf.variable import Required
from teleport_bootstrap.roles import Role


def of_role(*roles: Role) -> Required:
    """Return the requirement of every instance with one of `roles`."""
    names = [role.value for role in roles]
    words = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return Required(f"for {words}", lambda deployment: deployment.role in roles, "the role {role} needs it")


def of_letsencrypt(is_needed: Callable[[Deployment], bool] = lambda _: True) -> tuple[Required, ...]:
    """Return the requirements of Let's Encrypt for the instances that `is_needed` holds for."""
    words, remedy = "with Let's Encrypt", "add {name}=…, or USE_LETSENCRYPT=false, or USE_ACM=true"

    def is_used(deployment: Deployment) -> bool:
        return deployment.letsencrypt and "USE_ACM" not in deployment.enabled and is_needed(deployment)

    def is_set(deployment: Deployment) -> bool:
        return is_used(deployment) and "USE_LETSENCRYPT" in deployment.enabled

    return (
        Required(words, is_set, "USE_LETSENCRYPT is true", remedy),
        Required(words, is_used, "the role {role} uses Let's Encrypt without USE_ACM", remedy),
    )


def of_service(name: str, switch: str) -> Required:
    """Return the requirement of an agent's service, which the variable `switch` enables."""
    return Required(
        f"when the {name} is enabled",
        lambda deployment: deployment.role is Role.AGENT and switch in deployment.enabled,
        f"{switch} is true",
        asked_by=switch,
    )

"""Everything a plan is made from, with short ways to read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.plan import deployment, provenance, teleport_build

T = TypeVar("T")


@dataclass(frozen=True)
class Inputs:
    """The conf, what it decides, the instance, and the Teleport that will read the result."""

    conf: conf_file.Conf
    deployment: deployment.Deployment
    facts: facts.Facts
    build: teleport_build.TeleportBuild

    def get(self, variable: variables.Variable[T]) -> provenance.Sourced[T] | None:
        """Return the variable's value with its line, None where it is not set."""
        return provenance.from_conf(self.conf, variable)

    def need(self, variable: variables.Variable[T]) -> provenance.Sourced[T]:
        """Return the value of a variable that `requirements` has made sure of."""
        found = self.get(variable)
        if found is None:
            raise AssertionError(f"{variable.name} is not set, though requirements.check passed")
        return found

    @property
    def region(self) -> provenance.Sourced[str]:
        """The AWS region: EC2_REGION, otherwise the instance's own."""
        return self.get(variables.EC2_REGION) or provenance.from_metadata("placement/region", self.facts.region)

    @property
    def cluster_name(self) -> provenance.Sourced[str] | None:
        """TELEPORT_CLUSTER_NAME, otherwise the domain; None on an all-in-one with neither."""
        return self.get(variables.TELEPORT_CLUSTER_NAME) or self.get(variables.TELEPORT_DOMAIN_NAME)

"""Everything a plan is made from, with short ways to read it."""

from __future__ import annotations

from teleport_bootstrap.conf import conf_file, deployment, kinds, resource, variables
from teleport_bootstrap.conf.resource import Resource
from teleport_bootstrap.conf.variable import Elsewhere, From
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.finding import Place
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.plan import network_address, provenance, resources, teleport_build
from teleport_bootstrap.records import dataclass

T = TypeVar("T")


@dataclass(frozen=True)
class Inputs:
    """The conf, what it decides, the instance, the Teleport that will read the result, and resources to leave out."""

    conf: conf_file.Conf
    deployment: deployment.Deployment
    facts: facts.Facts
    build: teleport_build.TeleportBuild
    left_out: frozenset[Resource] = frozenset()

    @property
    def served(self) -> tuple[Resource, ...]:
        """The resources that an agent serves, in the order of the document."""
        return tuple(each for each in resources.described(self.deployment) if each not in self.left_out)

    def served_of(self, kind: resource.Kind) -> list[Resource]:
        """Return those of one kind."""
        return [each for each in self.served if each.kind is kind]

    def get(self, variable: variables.Variable[T]) -> provenance.Sourced[T] | None:
        """Return the variable's value with its line, None where it is not set."""
        setting = self.conf.setting(variable)
        if setting is None:
            return None
        place = Place(self.conf.path, setting.line)
        return provenance.Sourced(setting.value, (provenance.Origin(f"{variable.name} at {place}", place),))

    def value(self, variable: variables.Variable[T]) -> provenance.Sourced[T] | None:
        """Return the variable's value, otherwise its default; None where it has no default that can be known here."""
        default = variable.default
        found = self.get(variable)
        if found is not None or default is None or isinstance(default, Elsewhere):
            return found
        if not isinstance(default, From):
            return provenance.Sourced(variable.default_for(self.deployment))
        for name in default.names:
            source = self._source(name)
            if source is not None:
                return source.map(default.change)
        return None

    def certain(self, variable: variables.Variable[T]) -> provenance.Sourced[T]:
        """Return the value or the default of a variable that has one, or that `requirements` has made sure of."""
        found = self.value(variable)
        if found is None:
            raise AssertionError(f"{variable.name} is neither set nor has a default, though requirements.check passed")
        return found

    def listen(self, port: int) -> str:
        """Return the listen address for `port` on every address of this instance.

        `[::]` accepts IPv4 too, but not where IPv6 is switched off; so it is only used where there is no IPv4.
        """
        host = network_address.EVERY_ADDRESS if self.facts.is_ipv6_only else network_address.EVERY_IPV4
        return network_address.joined(host, port)

    def labels(self, *written: variables.Variable[tuple[tuple[str, str], ...]]) -> dict[str, provenance.Sourced[str]]:
        """Return the labels of the variables in `written`, and those from EC2 tags, which the conf overrules."""
        wanted = self.get(variables.TELEPORT_TAG_LABELS)
        found = {}
        for tag in wanted.value if wanted is not None else ():
            if tag in self.facts.tags:
                found[label_key(tag)] = provenance.from_metadata(f"tag {tag}", self.facts.tags[tag])
        for pairs in filter(None, map(self.get, written)):
            found.update({key: provenance.Sourced(value, pairs.origins) for key, value in pairs.value})
        return found

    def _source(self, name: str) -> provenance.Sourced[Any] | None:
        """Return the value of a variable or of an item of instance metadata, None where it has none."""
        if name in variables.BY_NAME:
            return self.value(variables.BY_NAME[name])
        value = self.facts.region if name == "placement/region" else getattr(self.facts, name.replace("-", "_"))
        return None if value is None else provenance.from_metadata(name, value)


def label_key(tag: str) -> str:
    """Return the key of the label for the EC2 tag with the key `tag`."""
    return "".join(each if kinds.LABEL_KEY.fullmatch(each) else "_" for each in tag)

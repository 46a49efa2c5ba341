"""What an auth server publishes for those that join: tokens and CA pins, and the resource for joining by IAM role.

A token is registered with Teleport first and published second, so that what is published is always valid, wherever a
run ends. What is published is replaced and never removed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

from teleport_bootstrap import errors, paths, roles
from teleport_bootstrap.cluster import ca_pins, join_tokens, published_versions
from teleport_bootstrap.conf import conf_file, decision, deployment, variables
from teleport_bootstrap.host import clock, tctl
from teleport_bootstrap.instance import aws_access, gather
from teleport_bootstrap.state import conf_hold

if TYPE_CHECKING:  # AWS's library takes half a second to load, which only those who call AWS should wait for
    from teleport_bootstrap.aws.account import Aws
    from teleport_bootstrap.aws.ssm import Parameter, ParameterStore

# What another auth server has published within this time is left as it is. The timer runs hourly, so that with any
# number of auth servers a token is published at least every one and a half hours.
RECENT_SECONDS = 1800.0

# Older than this, and nobody publishes any more, whoever holds the lock: half of the life of a token.
OVERDUE_SECONDS = join_tokens.LIFE_SECONDS / 2

# No step may take longer than the lock is certain to be held, however long the caller would wait.
LONGEST_CALL_SECONDS = 120.0

# What concerns one parameter or one resource alone; after any other trouble, the rest would fail as well.
_PARTIAL = (errors.AwsDenied, errors.AwsFailed, errors.TctlFailed)

logger = logging.getLogger(__name__)


@dataclass
class Outcome:
    """What a run did: the parameters put, whether other pins than before were among it, and what else to know.

    `left` says why nothing was published, where nothing had to be.
    """

    published: list[str] = field(default_factory=list)
    pins_changed: bool = False
    join_resource: Optional[str] = None
    left: Optional[str] = None
    notes: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """Return it in one line."""
        if self.left is not None:
            return "; ".join([self.left, *self.notes])
        done = f"published {', '.join(self.published)}" if self.published else "nothing was published"
        resource = [f"made the token resource {self.join_resource} right"] if self.join_resource else []
        return "; ".join([done, *resource, *self.notes])


@dataclass(frozen=True)
class _Names:
    """The parameters of a cluster."""

    cluster: str

    def token(self, role: str) -> str:
        return f"/teleport/{self.cluster}/tokens/{role}"

    @property
    def tokens(self) -> list[str]:
        return [self.token(role) for role in join_tokens.ROLES]

    @property
    def pins(self) -> str:
        return f"/teleport/{self.cluster}/ca-pin-hash"


def run(doors: gather.Doors, *, force: bool = False) -> Outcome:
    """Register and publish a new token for each role, and the CA pins where they are others than before.

    Another auth server's tokens of the last half an hour are left, unless `force`. Raises ConfMissing and UsageError
    where this is no auth server that could publish, TctlFailed, LeaseLost, ClusterLockHeld where another host keeps the
    lock and nobody publishes, and what calls to AWS raise; everything that could be done without has been done then.
    """
    conf = gather.conf(doors.root)
    if conf is None:
        return _without_conf(doors)
    decided = decision.decide(conf, fips=gather.build(doors.root, gather.NamedBuild()).fips)
    staying = conf_hold.generation(doors.root)
    role = decided.role if staying is None else roles.Role(staying[0].role)
    if not role.runs_auth:
        return Outcome(left=f"no auth service runs here, only the role {role.value}: nothing is published from here")
    if decided.cluster is None:
        raise errors.UsageError(
            f"nothing says which cluster this is, whose name is part of the parameters' names: {conf.path}",
            hint="Set TELEPORT_CLUSTER_NAME to the name of this Teleport cluster, `tctl status` shows it.",
        )
    place = roles.place(role, acm=decided.acm)
    door = tctl.find(doors.root, user=place.user, group=place.group)
    # Before the lock: nobody else should have to wait for this host's Teleport.
    pins = ca_pins.from_status(door.status(wait_seconds=doors.wait_seconds))
    aws = aws_access.aws(doors, conf, fips=decided.fips)
    aws = dataclasses.replace(aws, wait_seconds=min(aws.wait_seconds, LONGEST_CALL_SECONDS))
    work = _Work(doors, conf, decided, door, aws, aws.ssm, _Names(decided.cluster))
    try:
        with _locked(doors, conf, aws) as check:
            return work.run(pins, check, force=force)
    except (errors.ClusterLockHeld, errors.LockBusy) as error:
        # The lock is for certificates too: that somebody holds it does not say that somebody publishes.
        age = work.age()
        if age is None or age > OVERDUE_SECONDS:
            raise
        return Outcome(left=f"nothing to do here: {error.message}; the last tokens are {age / 60:.0f} minutes old")


def _without_conf(doors: gather.Doors) -> Outcome:
    if os.path.lexists(doors.root.path(paths.TELEPORT_YAML)):
        return Outcome(left="this instance is configured by hand, so nothing is published from here")
    raise errors.ConfMissing(
        f"there is no {doors.root.path(paths.CONF)}, so nothing says what to publish", hint=f"Write {paths.CONF}."
    )


@contextlib.contextmanager
def _locked(doors: gather.Doors, conf: conf_file.Conf, aws: Aws) -> Iterator[Callable[[float], None]]:
    """Hold the cluster's lock while the body runs; what is given raises LeaseLost where it may be lost too soon."""
    table = conf.value(variables.TELEPORT_LOCKS_TABLE_NAME)
    if table is None:  # an all-in-one is alone
        yield lambda _: None
        return
    from teleport_bootstrap.cluster import lock, lock_holder  # noqa: PLC0415

    with lock.hold(
        aws.dynamodb,
        root=doors.root,
        table=table,
        process=lock_holder.holder_name(doors),
        deadline_seconds=doors.wait_seconds,
        terms=lock.Terms(request_seconds=min(lock.REQUEST_SECONDS, doors.wait_seconds)),
    ) as lease:
        yield lease.check


@dataclass
class _Work:
    """The steps, and what they share."""

    doors: gather.Doors
    conf: conf_file.Conf
    decided: deployment.Deployment
    door: tctl.Tctl
    aws: Aws
    parameters: ParameterStore
    names: _Names
    outcome: Outcome = field(default_factory=Outcome)
    failed: list[errors.BootstrapError] = field(default_factory=list)

    def run(self, pins: tuple[str, ...], check: Callable[[float], None], *, force: bool) -> Outcome:
        found = self.parameters.look_up([*self.names.tokens, self.names.pins])
        versions = published_versions.read(self.doors.root)
        pins_differ = self._pins_differ(found.get(self.names.pins), pins)
        age = self._age_of_anothers(found, versions)
        try:
            if force or pins_differ or age is None or age > RECENT_SECONDS:
                for role in join_tokens.ROLES:
                    self._try(lambda role=role: self._publish_token(role, versions, check))  # type: ignore[misc]
            else:
                self.outcome.left = f"another auth server has published tokens {age / 60:.0f} minutes ago"
            if pins_differ:
                self._try(lambda: self._publish_pins(pins, versions, check))
        finally:
            published_versions.write(self.doors.root, versions)
        self._try(self._keep_join_resource)
        if self.failed:
            raise self._failure()
        return self.outcome

    def age(self) -> Optional[float]:
        """Return how many seconds ago the oldest of the tokens was published; None where one is missing."""
        found = self.parameters.look_up(self.names.tokens)
        if len(found) < len(self.names.tokens):
            return None
        return clock.SYSTEM.wall() - min(each.modified for each in found.values())

    def _age_of_anothers(self, found: dict[str, Parameter], versions: dict[str, int]) -> Optional[float]:
        """Return how many seconds ago another host published the oldest of the tokens; None where it did not all."""
        tokens = [found[name] for name in self.names.tokens if name in found]
        ours = [name for name in self.names.tokens if name in found and found[name].version == versions.get(name)]
        if ours or len(tokens) < len(self.names.tokens):
            return None
        return clock.SYSTEM.wall() - min(each.modified for each in tokens)

    def _pins_differ(self, parameter: Optional[Parameter], pins: tuple[str, ...]) -> bool:
        """Whether other pins are published than the cluster has; then its tokens are another cluster's as well."""
        if parameter is None or parameter.value is None:
            return True
        return sorted(parameter.value.lower().split()) != sorted(pins)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except _PARTIAL as error:
            logger.warning("%s", error.message)
            self.failed.append(error)

    def _publish_token(self, role: str, versions: dict[str, int], check: Callable[[float], None]) -> None:
        name = self.names.token(role)
        token = join_tokens.fresh()
        check(tctl.CALL_SECONDS + self.aws.wait_seconds)
        resource = join_tokens.temporary(token, role, now=clock.SYSTEM.wall())
        self.door.create(resource, what=f"a join token for {name}", secret=token)
        check(self.aws.wait_seconds)
        key = self.conf.value(variables.TELEPORT_SSM_KMS_KEY_ID)
        versions[name] = self.parameters.put_secret(name, token, key_id=key)
        self.outcome.published.append(name)

    def _publish_pins(self, pins: tuple[str, ...], versions: dict[str, int], check: Callable[[float], None]) -> None:
        check(self.aws.wait_seconds)
        versions[self.names.pins] = self.parameters.put(self.names.pins, ca_pins.content(pins))
        self.outcome.published.append(self.names.pins)
        self.outcome.pins_changed = True

    def _keep_join_resource(self) -> None:
        if self.decided.join_method == "token":
            return
        name = self.conf.value(variables.TELEPORT_JOIN_TOKEN_NAME)
        if name is None:
            raise errors.UsageError(
                f"TELEPORT_JOIN_METHOD={self.decided.join_method} needs the name of the token resource to join with",
                hint=f"Add TELEPORT_JOIN_TOKEN_NAME=… to {self.conf.path}, as in the confs of those that join.",
            )
        found = self.door.token(name)
        if self.decided.join_method == "ec2":
            # Its rules know an account and a region, and no role: any instance there could join as a proxy.
            if found is None:
                self.outcome.notes.append(
                    f"the token resource {name} for the join method ec2 is not there: make it with `tctl create`"
                )
            return
        self._keep_iam_resource(name, found)

    def _keep_iam_resource(self, name: str, found: Optional[dict[str, object]]) -> None:
        from teleport_bootstrap.ec2 import credentials, identity, imds  # noqa: PLC0415

        service = imds.Imds.from_environment(self.doors.environ, deadline_seconds=self.doors.wait_seconds)
        account = identity.account(service)
        if account is None:
            raise errors.MetadataAbsent(
                "the instance metadata service does not say which account this is, so nobody can be let join by it",
                hint="Is this an EC2 instance?",
            )
        wanted = join_tokens.for_instance_role(
            name, account=account, partition=self.aws.partition, role=credentials.role(service)
        )
        if found is not None and join_tokens.is_as_wanted(found, wanted):
            return
        self.door.create(join_tokens.document(wanted), what=f"the token resource {name}")
        self.outcome.join_resource = name

    def _failure(self) -> errors.BootstrapError:
        """Return the first error, which tells what was done all the same."""
        first = self.failed[0]
        others = f" (and {len(self.failed) - 1} more)" if len(self.failed) > 1 else ""
        done = f"; published all the same: {', '.join(self.outcome.published)}" if self.outcome.published else ""
        return type(first)(f"{first.message}{others}{done}", hint=first.hint)

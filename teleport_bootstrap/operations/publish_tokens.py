"""`publish-tokens`: an auth server publishes join tokens and CA pins, and registers the resource to join by IAM role.

A token is registered with Teleport first and published second, so that a published token is always valid, even after a
killed run. Published values are replaced and never removed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from teleport_bootstrap import errors, log, paths, records, roles
from teleport_bootstrap.aws import account, ssm
from teleport_bootstrap.cluster import join_tokens, lock
from teleport_bootstrap.conf import conf_file, decision, deployment, variables
from teleport_bootstrap.ec2 import credentials
from teleport_bootstrap.hints import ClassVar
from teleport_bootstrap.host import clock, tctl
from teleport_bootstrap.instance import gather
from teleport_bootstrap.records import dataclass, field
from teleport_bootstrap.state import current, state_file

# Tokens that another auth server has published within this time are kept. The timer runs hourly, so that with any
# number of auth servers tokens are published at least every one and a half hours.
RECENT_SECONDS = 1800.0

# If the tokens are older than this, half of their lifetime, no auth server publishes, even if one holds the lock.
OVERDUE_SECONDS = join_tokens.LIFE_SECONDS / 2

# No step may take longer than the lock is certain to be held, even if the caller would wait longer.
LONGEST_CALL_SECONDS = 120.0

# Errors about one parameter or one resource; after any other error the remaining steps would fail too.
_PARTIAL = (errors.AwsDenied, errors.AwsFailed, errors.TctlFailed)

# The versions of the parameters that this host has published; any other is from another auth server.
_VERSIONS: state_file.StateFile[dict[str, int]] = state_file.StateFile(
    paths.PUBLISHED, dict[str, int], unknown="the versions that this host has published are unknown"
)

logger = log.Logger(__name__)


@dataclass
class Outcome:
    """What a run did: the published parameters, whether the pins changed, the resource that was corrected, and notes.

    `left` says why nothing had to be published.
    """

    json_keys: ClassVar[dict[str, str]] = {"left": "not_published_because"}

    published: list[str] = field(default_factory=list)
    pins_changed: bool = False
    join_resource: str | None = None
    left: str | None = None
    notes: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """Return the outcome in one line."""
        if self.left is not None:
            return "; ".join([self.left, *self.notes])
        done = f"published {', '.join(self.published)}" if self.published else "nothing was published"
        resource = [f"corrected the token resource {self.join_resource}"] if self.join_resource else []
        return "; ".join([done, *resource, *self.notes])


def run(doors: gather.Doors, *, force: bool = False) -> Outcome:
    """Register and publish a new token for each role, and the CA pins where they have changed.

    Unless `force`, tokens that another auth server published in the last half hour are kept. Raises ConfMissing and
    UsageError where this host cannot publish, TctlFailed, LeaseLost, ClusterLockHeld where another host holds the lock
    and the tokens are old, and what calls to AWS raise. After an error all independent steps have been done.
    """
    conf = gather.conf(doors.root)
    if conf is None:
        return Outcome(left=gather.manual_host(doors.root, "nothing is published from here"))
    decided = decision.decide(conf, fips=gather.build(doors.root, gather.NamedBuild()).fips)
    staying = current.instead_of_conf(doors.root)
    role = decided.role if staying is None else roles.Role(staying[0].role)
    if not role.runs_auth:
        return Outcome(left=f"the role {role.value} has no auth service: nothing is published from here")
    if decided.cluster is None:
        raise errors.UsageError(
            f"{conf.path} does not name the cluster, which is part of the parameters' names",
            hint="Set TELEPORT_CLUSTER_NAME to the name of this Teleport cluster, as `tctl status` shows it.",
        )
    unit = decided.place.unit if staying is None else staying[0].unit
    # All places with this unit have the same account.
    place = next(each for each in roles.PLACES if each.unit == unit)
    door = tctl.find(doors.root, user=place.user, group=place.group)
    # Before the lock, so that no other host waits for this host's Teleport.
    pins = tctl.pins_from_status(door.status(wait_seconds=doors.wait_seconds))
    aws = gather.aws(doors, conf, fips=decided.fips)
    aws = records.replace(aws, wait_seconds=min(aws.wait_seconds, LONGEST_CALL_SECONDS))
    work = _Work(doors, conf, decided, door, aws)
    try:
        with _locked(doors, conf, aws) as check:
            return work.run(pins, check, force=force)
    except (errors.ClusterLockHeld, errors.LockBusy) as error:
        # The lock also serves for certificates: its holder may not be publishing.
        age = work.age()
        if age is None or age > OVERDUE_SECONDS:
            raise
        return Outcome(left=f"nothing to do here: {error.message}; the last tokens are {age / 60:.0f} minutes old")


@contextlib.contextmanager
def _locked(doors: gather.Doors, conf: conf_file.Conf, aws: account.Aws) -> Iterator[Callable[[float], None]]:
    """Hold the cluster's lock while the body runs; yields a function that raises LeaseLost if it may soon be lost."""
    table = conf.value(variables.TELEPORT_LOCKS_TABLE_NAME)
    if table is None:  # an all-in-one has no other auth servers
        yield lambda _: None
        return
    with lock.hold_here(doors, aws, table) as lease:
        yield lease.check


@dataclass
class _Work:
    """The steps of a run, and their common data."""

    doors: gather.Doors
    conf: conf_file.Conf
    decided: deployment.Deployment
    door: tctl.Tctl
    aws: account.Aws
    outcome: Outcome = field(default_factory=Outcome)
    failed: list[errors.BootstrapError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parameters = self.aws.ssm
        # The names of the cluster's parameters: of tokens, each with its role, and of pins.
        cluster, both = self.decided.cluster or "", self.conf.value(variables.TELEPORT_PROXY_NODE_TOKEN) is True
        self.tokens = join_tokens.parameters(cluster, both=both)
        self.pins = join_tokens.pins_parameter(cluster)

    def run(self, pins: tuple[str, ...], check: Callable[[float], None], *, force: bool) -> Outcome:
        found = self.parameters.look_up([*self.tokens, self.pins])
        versions = _VERSIONS.read_or_warn(self.doors.root) or {}
        published = found.get(self.pins)
        # Where they differ, the tokens are of another cluster too.
        pins_differ = published is None or sorted((published.value or "").lower().split()) != sorted(pins)
        # Where this host published one of them, it publishes all again.
        is_ours = any(found[name].version == versions.get(name) for name in self.tokens if name in found)
        age = None if is_ours else self._age(found)
        try:
            if force or pins_differ or age is None or age > RECENT_SECONDS:
                for name in self.tokens:
                    self._try(lambda name=name: self._publish_token(name, versions, check))  # type: ignore[misc]
            else:
                self.outcome.left = f"another auth server published tokens {age / 60:.0f} minutes ago"
            if pins_differ:
                self._try(lambda: self._publish_pins(pins, versions, check))
        finally:
            try:
                _VERSIONS.write(self.doors.root, versions)
            except errors.FileTrouble as error:
                # The next run takes them for another host's, and publishes a little later.
                logger.warning("could not record the published versions: %s", error.message)
        self._try(self._keep_join_resource)
        if self.failed:
            raise self._failure()
        return self.outcome

    def age(self) -> float | None:
        """Return how many seconds ago the oldest of the tokens was published; None where one is missing."""
        return self._age(self.parameters.look_up(list(self.tokens)))

    def _age(self, found: dict[str, ssm.Parameter]) -> float | None:
        if not self.tokens.keys() <= found.keys():
            return None
        return clock.SYSTEM.wall() - min(found[name].modified for name in self.tokens)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except _PARTIAL as error:
            logger.warning("%s", error.message)
            self.failed.append(error)

    def _publish_token(self, name: str, versions: dict[str, int], check: Callable[[float], None]) -> None:
        token = join_tokens.fresh()
        check(tctl.CALL_SECONDS + self.aws.wait_seconds)
        resource = join_tokens.temporary(token, self.tokens[name], now=clock.SYSTEM.wall())
        self.door.create(resource, what=f"a join token for {name}", secret=token)
        check(self.aws.wait_seconds)
        key = self.conf.value(variables.TELEPORT_SSM_KMS_KEY_ID)
        versions[name] = self.parameters.put_secret(name, token, key_id=key)
        self.outcome.published.append(name)

    def _publish_pins(self, pins: tuple[str, ...], versions: dict[str, int], check: Callable[[float], None]) -> None:
        check(self.aws.wait_seconds)
        versions[self.pins] = self.parameters.put(self.pins, "\n".join(pins))
        self.outcome.published.append(self.pins)
        self.outcome.pins_changed = True

    def _keep_join_resource(self) -> None:
        if self.decided.join_method == "token":
            return
        name = self.conf.value(variables.TELEPORT_JOIN_TOKEN_NAME)
        if name is None:
            raise errors.UsageError(
                f"TELEPORT_JOIN_METHOD={self.decided.join_method} needs the name of the token resource to join with",
                hint=f"Add TELEPORT_JOIN_TOKEN_NAME=… to {self.conf.path}, as in the confs of the joining hosts.",
            )
        found = self.door.token(name)
        if self.decided.join_method == "ec2":
            # Its rules cannot name a role: any instance of the account and region could join as a proxy.
            if found is None:
                self.outcome.notes.append(
                    f"the token resource {name} for the join method ec2 is missing: create it with `tctl create`"
                )
            return
        self._keep_iam_resource(name, found)

    def _keep_iam_resource(self, name: str, found: dict[str, object] | None) -> None:
        service = gather.metadata_service(self.doors)
        account = credentials.account(service)
        if account is None:
            raise errors.MetadataAbsent(
                "the instance metadata service has no AWS account id, which the rule for joining needs",
                hint="Is this an EC2 instance?",
            )
        named = self.conf.value(variables.TELEPORT_IAM_JOIN_ROLES)
        wanted = join_tokens.for_instance_role(
            name,
            account=account,
            partition=self.aws.partition,
            role=credentials.role(service),
            others=named or (),
        )
        if found is not None:
            if not join_tokens.is_by_iam(found):
                raise errors.UsageError(
                    f"the token resource {name} exists for another join method than iam, and was not changed",
                    hint="Set TELEPORT_JOIN_TOKEN_NAME to another name here and on the joining hosts, or remove the "
                    f"resource with `tctl tokens rm {name}`.",
                )
            wanted = join_tokens.merged(found, wanted)
            if join_tokens.is_as_wanted(found, wanted, now=clock.SYSTEM.wall()):
                return
        self.door.create(join_tokens.document(wanted), what=f"the token resource {name}")
        self.outcome.join_resource = name

    def _failure(self) -> errors.BootstrapError:
        """Return the first error, completed by what was published in spite of it."""
        first = self.failed[0]
        others = f" (and {len(self.failed) - 1} more)" if len(self.failed) > 1 else ""
        done = f"; nevertheless published: {', '.join(self.outcome.published)}" if self.outcome.published else ""
        return type(first)(f"{first.message}{others}{done}", hint=first.hint)

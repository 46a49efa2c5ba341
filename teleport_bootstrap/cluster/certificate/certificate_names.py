"""What the conf of this host says about its certificate, and the ways to those who have to do with it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from teleport_bootstrap import errors, paths
from teleport_bootstrap.cluster import host_name, lock
from teleport_bootstrap.cluster.certificate.bucket import Shared
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.host import lock as host_lock
from teleport_bootstrap.instance import aws_access, gather
from teleport_bootstrap.plan import activation, deployment, plan_model
from teleport_bootstrap.state import conf_hold

if TYPE_CHECKING:
    from teleport_bootstrap.aws.access import Access


@dataclass(frozen=True)
class Subject:
    """A host with a part in a certificate from Let's Encrypt.

    `obtains` says that it is an auth server, which obtains and renews; `serves` that its Teleport serves with the
    certificate. `wanted` is what is applied here, `given` the settings it comes from.
    """

    domain: str
    bucket: str
    email: Optional[str]
    locks_table: Optional[str]
    obtains: bool
    serves: bool
    fips: bool
    conf: conf_file.Conf
    wanted: plan_model.Applicable


def of(root: paths.Root) -> Subject | str:
    """Return the subject, or, for a host without a part in such a certificate, why it has none.

    It follows what is applied here: where the conf is not followed, the generation that this host has gone back to.
    Raises ConfMissing where there is neither conf nor teleport.yaml, and what reading and judging the conf raise.
    """
    conf = gather.conf(root)
    if conf is None:
        if os.path.lexists(root.path(paths.TELEPORT_YAML)):
            return "this instance is configured by hand: nothing here sees to its certificate"
        raise errors.ConfMissing(
            f"there is no {root.path(paths.CONF)}, so nothing says which certificate to see to",
            hint=f"Write {paths.CONF}.",
        )
    build = gather.build(root, gather.NamedBuild())
    staying = conf_hold.generation(root)
    wanted: plan_model.Applicable
    if staying is None:
        wanted = activation.plan(conf, build)
        fips = build.fips
    else:
        wanted, fips = staying[0], staying[0].fips
        conf = conf_file.load(staying[0].conf.encode(), f"the conf of generation {staying[0].number}")
    decided = deployment.decide(conf, fips=fips)
    domain, bucket = conf.value(variables.TELEPORT_DOMAIN_NAME), conf.value(variables.TELEPORT_S3_BUCKET)
    if not decided.letsencrypt or domain is None or bucket is None:
        return f"the role {decided.role.value} does not use Let's Encrypt here"
    return Subject(
        domain=domain.lower(),
        bucket=bucket,
        email=conf.value(variables.TELEPORT_DOMAIN_ADMIN_EMAIL),
        locks_table=conf.value(variables.TELEPORT_LOCKS_TABLE_NAME),
        obtains=decided.role.runs_auth,
        serves=decided.tls is deployment.Tls.LETSENCRYPT,
        fips=fips,
        conf=conf,
        wanted=wanted,
    )


def access(doors: gather.Doors, subject: Subject) -> Access:
    """Return how to call AWS; raises what fetching the instance's credentials raises."""
    from teleport_bootstrap.aws import endpoints  # noqa: PLC0415 - botocore takes a while to import

    found = aws_access.access(doors, subject.conf, fips=subject.fips)
    if found.fips and not endpoints.has_fips(found.region):
        return type(found)(found.region, found.credentials, found.environ, False, found.wait_seconds)
    return found


def shared(subject: Subject, way: Access) -> Shared:
    """Return the state in the bucket."""
    from teleport_bootstrap.aws import s3  # noqa: PLC0415

    return Shared(s3.Bucket.of(way, subject.bucket), subject.domain)


@contextlib.contextmanager
def alone(doors: gather.Doors, subject: Subject, way: Access) -> Iterator[Callable[[], None]]:
    """Let no other auth server, and no other process here, work on the certificate while the body runs.

    Gives what the body has to call before each step that cannot be undone; it raises LeaseLost. Without a table of
    locks there is one auth server, and it is enough to be alone on this host. Raises ClusterLockHeld and LockBusy.
    """
    if subject.locks_table is None:
        with host_lock.held(doors.root, "the certificate", name=lock.NAME, deadline_seconds=doors.wait_seconds):
            yield lambda: None
        return
    with lock.held(
        way.client("dynamodb"),
        root=doors.root,
        table=subject.locks_table,
        process=host_name.of(doors),
        deadline_seconds=doors.wait_seconds,
        renew=way.renew,
    ) as lease:
        yield lease.check

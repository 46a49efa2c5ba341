"""The part that this host has in a certificate from Let's Encrypt, as its conf says, and how to work on it alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from teleport_bootstrap import paths
from teleport_bootstrap.aws import account
from teleport_bootstrap.cluster import lock
from teleport_bootstrap.cluster.certificate.bucket import Shared
from teleport_bootstrap.conf import conf_file, decision, deployment, variables
from teleport_bootstrap.host import lock as host_lock
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import plan_model
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import generations


@dataclass(frozen=True)
class Subject:
    """A host with a part in a certificate from Let's Encrypt.

    `obtains`: it is an auth server, which obtains and renews the certificate. `serves`: its Teleport serves with it.
    `wanted` is what is applied here, made from `conf`.
    """

    domain: str
    bucket: str
    email: str | None
    locks_table: str | None
    obtains: bool
    serves: bool
    fips: bool
    conf: conf_file.Conf
    wanted: plan_model.Applicable


def of_host(root: paths.Root) -> Subject | str:
    """Return the subject, or, for a host without a part in such a certificate, the reason.

    It is of what is applied here: of the generation that this host was rolled back to, where the conf is not followed.
    Raises ConfMissing where there is neither conf nor teleport.yaml, and what reading and checking the conf raise.
    """
    conf = gather.conf(root)
    if conf is None:
        return gather.manual_host(root, "its certificate is not managed here")
    wanted, fips = gather.applicable(root, conf, gather.build(root, gather.NamedBuild()))
    if isinstance(wanted, generations.Generation):
        conf = conf_file.load(wanted.conf.encode(), f"the conf of generation {wanted.number}")
    decided = decision.decide(conf, fips=fips)
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


def aws(doors: gather.Doors, subject: Subject) -> account.Aws:
    """Return AWS for work on the certificate; raises as gather.aws does."""
    return gather.aws(doors, subject.conf, fips=subject.fips)


def shared(subject: Subject, aws: account.Aws) -> Shared:
    """Return the certificate's state in the bucket."""
    return Shared(aws.s3(subject.bucket), subject.domain)


@contextlib.contextmanager
def exclusive(doors: gather.Doors, subject: Subject, aws: account.Aws) -> Iterator[Callable[[], None]]:
    """Keep other auth servers, and other processes here, from working on the certificate while the body runs.

    Yields a function to call before each step that cannot be undone; it raises LeaseLost. Without a table of locks
    there is only one auth server, and a lock on this host is enough. Raises ClusterLockHeld and LockBusy.
    """
    if subject.locks_table is None:
        with host_lock.hold(doors.root, "the certificate", name=lock.NAME, deadline_seconds=doors.wait_seconds):
            yield lambda: None
        return
    with lock.hold_here(doors, aws, subject.locks_table) as lease:
        yield lease.check

"""The credentials of the instance's role, as botocore wants them: renewed before they end.

Only these are ever used. Keys in the environment, in ~/.aws or from a container are ignored: what the agent may do
is what the instance's role allows, and a forgotten AWS_ACCESS_KEY_ID must not change it. botocore's own client for
the metadata service is not used either, since the 1.20 of Debian 11 knows neither IPv6 nor a refusal of IMDSv1.
"""

from __future__ import annotations

import datetime
import json
import re
from typing import Any, Optional

from botocore.credentials import RefreshableCredentials

from teleport_bootstrap import errors
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.host import retry

_PATH = "iam/security-credentials/"
_ROLE = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")  # IAM API reference, CreateRole
_LONGEST_PAUSE_SECONDS = 4.0
_ATTEMPT_SECONDS = 0.5  # otherwise the last error would be that there was no time, instead of what is wrong


class InstanceCredentials(RefreshableCredentials):  # type: ignore[misc]  # botocore has no types
    """Credentials that renew themselves, and can be told to do so now."""

    def renew(self) -> None:
        """Fetch new ones at once: AWS has refused these though they should be good. Raises as `refreshable`."""
        with self._refresh_lock:
            self._protected_refresh(is_mandatory=True)


def refreshable(imds: Imds, *, deadline_seconds: Optional[float] = None) -> InstanceCredentials:
    """Return the credentials of the role that is attached to this instance, waiting `deadline_seconds` at most.

    Raises CredentialsMissing when there is no role or no usable credentials within the deadline, MetadataInvalid for
    a role name that is none, and what Imds.get raises; the same later, when they are renewed.
    """
    made: InstanceCredentials = InstanceCredentials.create_from_metadata(
        metadata=_fetch(imds, deadline_seconds),
        refresh_using=lambda: _fetch(imds, deadline_seconds),
        method="instance-metadata",
    )
    return made


def role(imds: Imds, *, deadline_seconds: Optional[float] = None) -> str:
    """Return the name of the IAM role that is attached to this instance; raises as `refreshable`."""
    deadline = imds.deadline(deadline_seconds)
    try:
        return retry.until(
            deadline,
            lambda: _role(imds, deadline),
            attempt_seconds=_ATTEMPT_SECONDS,
            longest=_LONGEST_PAUSE_SECONDS,
        )
    except retry.DeadlinePassed as passed:
        raise errors.CredentialsMissing(
            f"the metadata service names no role of this instance: {passed}", hint="Attach an instance profile."
        ) from None


def _fetch(imds: Imds, deadline_seconds: Optional[float]) -> dict[str, str]:
    """Return the credentials by the names that botocore uses."""
    deadline = imds.deadline(deadline_seconds)
    try:
        return retry.until(
            deadline,
            lambda: _attempt(imds, deadline),
            attempt_seconds=_ATTEMPT_SECONDS,
            longest=_LONGEST_PAUSE_SECONDS,
        )
    except retry.DeadlinePassed as passed:
        raise errors.CredentialsMissing(
            f"the metadata service has no usable credentials: {passed.last.reason} ({passed.effort()})",
            hint="Check that the role exists and that its trust policy lets ec2.amazonaws.com assume it "
            "(in China ec2.amazonaws.com.cn), then re-attach the instance profile.",
        ) from None


def _attempt(imds: Imds, deadline: retry.Deadline) -> dict[str, str]:
    name = _role(imds, deadline)
    return _usable(_document(imds.get(_PATH + name, deadline=deadline)), name, imds.clock.wall())


def _role(imds: Imds, deadline: retry.Deadline) -> str:
    name = (imds.get(_PATH, deadline=deadline) or "").split("\n")[0].strip()
    if not name:
        raise retry.Again("no role is listed")
    if not _ROLE.fullmatch(name):
        raise errors.MetadataInvalid(
            f"the instance metadata service gave something else than the name of a role for {_PATH}",
            hint="Only the EC2 metadata service should answer there; check AWS_EC2_METADATA_SERVICE_ENDPOINT.",
        )
    return name


def _document(text: Optional[str]) -> dict[str, Any]:
    # The text may hold a key: no error shows any of it, and none is chained to one that does.
    try:
        document = json.loads(text or "")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise retry.Again("the answer is not JSON")
    return document


def _usable(document: dict[str, Any], role: str, now: float) -> dict[str, str]:
    code = document.get("Code", "Success")
    if code != "Success":
        shown = code if isinstance(code, str) and re.fullmatch(r"[A-Za-z]{1,60}", code) else "an unknown code"
        raise retry.Again(f"role {role} gives {shown} instead of credentials")
    names = {
        "access_key": "AccessKeyId",
        "secret_key": "SecretAccessKey",
        "token": "Token",
        "expiry_time": "Expiration",
    }
    values = {ours: document.get(theirs) for ours, theirs in names.items()}
    absent = [names[ours] for ours, value in values.items() if not isinstance(value, str) or not value]
    if absent:
        raise retry.Again(f"the answer for role {role} lacks {', '.join(absent)}")
    ends = _moment(str(values["expiry_time"]))
    if ends is None:
        raise retry.Again(f"the answer for role {role} has an Expiration that is no time")
    if ends <= now:
        raise retry.Again(
            f"those of role {role} ended at {values['expiry_time']}, and this machine's clock says "
            f"{datetime.datetime.fromtimestamp(now, datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ} "
            "(is the clock right? `chronyc tracking`)"
        )
    return {ours: str(value) for ours, value in values.items()}


def _moment(text: str) -> Optional[float]:
    """Return a time as EC2 writes it, in seconds since 1970."""
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        return None

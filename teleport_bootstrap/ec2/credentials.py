"""The account and the role of this instance, and the role's credentials: renewed before they expire.

No others are ever used. Keys in the environment, in ~/.aws or from a container are ignored: the agent may do what the
instance's role allows, and a forgotten AWS_ACCESS_KEY_ID must not change that.
"""

from __future__ import annotations

import datetime
import re
import threading
from collections.abc import Callable

from teleport_bootstrap import errors, json_data, log, regex, secret
from teleport_bootstrap.ec2 import endpoint
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.hints import Any, NamedTuple, TypeVar
from teleport_bootstrap.host import clock, retry

logger = log.Logger(__name__)

Result = TypeVar("Result")

_PATH = "iam/security-credentials/"
_ROLE = regex.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")  # IAM API reference, CreateRole
_PLAIN = regex.compile(r"[!-~]+")
_NAMES = ("AccessKeyId", "SecretAccessKey", "Token", "Expiration")
# EC2 renews them at least five minutes before they expire (EC2 User Guide, "Retrieve security credentials").
_RENEW_SECONDS = 15 * 60.0
# A request may take a while. Until then, keys that cannot be renewed are used.
_USABLE_SECONDS = 5 * 60.0
# How long nothing is asked after that, and where the service has no newer ones yet.
_AGAIN_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 4.0
_ATTEMPT_SECONDS = 0.5  # so that the last error names the cause, not the lack of time


class Keys(NamedTuple):
    """Credentials at one moment; the names are those of botocore, whose client for S3 reads them too."""

    access_key: str
    secret_key: str
    token: str

    def __repr__(self) -> str:
        return f"<keys of {self.access_key}>"


class _Found(NamedTuple):
    keys: Keys
    ends: float


class InstanceCredentials:
    """Credentials that renew themselves, and on request. Threads may share them."""

    def __init__(self, imds: Imds, deadline_seconds: float | None) -> None:
        self._imds = imds
        self._deadline_seconds = deadline_seconds
        self._lock = threading.Lock()
        self._found = _fetch(imds, deadline_seconds)
        self._not_before = 0.0

    def get_frozen_credentials(self) -> Keys:
        """Return keys for requests of now; the name is botocore's. Raises as `refreshable`."""
        with self._lock:
            now = self._imds.clock.wall()
            left = self._found.ends - now
            if left < _RENEW_SECONDS and now >= self._not_before:
                try:
                    self._found = _fetch(self._imds, self._deadline_seconds)
                except errors.BootstrapError as error:
                    if left < _USABLE_SECONDS:
                        raise
                    logger.warning("%s; the present credentials are used as long as they last", error.message)
                self._not_before = now + _AGAIN_SECONDS
            return self._found.keys

    def renew(self) -> None:
        """Fetch new ones now: AWS has refused these before their expiry. Raises as `refreshable`."""
        with self._lock:
            self._found = _fetch(self._imds, self._deadline_seconds)


def refreshable(imds: Imds, *, deadline_seconds: float | None = None) -> InstanceCredentials:
    """Return the credentials of the role that is attached to this instance, waiting at most `deadline_seconds`.

    Raises CredentialsMissing when there is no role or no usable credentials within the deadline, MetadataInvalid for
    an invalid role name, and what Imds.get raises; renewing them later raises the same.
    """
    return InstanceCredentials(imds, deadline_seconds)


def role(imds: Imds, *, deadline_seconds: float | None = None) -> str:
    """Return the name of the IAM role that is attached to this instance; raises as `refreshable`."""
    deadline = imds.deadline(deadline_seconds)
    try:
        return _until(deadline, lambda: _role(imds, deadline))
    except retry.DeadlinePassed as passed:
        raise errors.CredentialsMissing(
            f"the metadata service names no role of this instance: {passed}", hint="Attach an instance profile."
        ) from None


def account(imds: Imds, *, deadline: retry.Deadline | None = None) -> str | None:
    """Return the twelve digits of the account, from the instance identity document; None without such a document.

    Raises MetadataInvalid for an invalid document, and what Imds.get raises.
    """
    text = imds.get_absolute("dynamic/instance-identity/document", deadline=deadline)
    if text is None:
        return None
    try:
        number = json_data.parsed(text)["accountId"]
    except (ValueError, KeyError, TypeError):
        number = ""
    if not isinstance(number, str) or not re.fullmatch(r"[0-9]{12}", number):
        raise endpoint.invalid("gave an identity document without an account id")
    return number


def _fetch(imds: Imds, deadline_seconds: float | None) -> _Found:
    deadline = imds.deadline(deadline_seconds)
    try:
        return _until(deadline, lambda: _attempt(imds, deadline))
    except retry.DeadlinePassed as passed:
        raise errors.CredentialsMissing(
            f"the metadata service has no usable credentials: {passed.last.reason} ({passed.effort()})",
            hint="Check that the role exists and that its trust policy lets ec2.amazonaws.com assume it "
            "(in China ec2.amazonaws.com.cn), then re-attach the instance profile.",
        ) from None


def _until(deadline: retry.Deadline, attempt: Callable[[], Result]) -> Result:
    return retry.until(
        deadline,
        attempt,
        attempt_seconds=_ATTEMPT_SECONDS,
        longest=_LONGEST_PAUSE_SECONDS,
        what="the credentials of this instance",
    )


def _attempt(imds: Imds, deadline: retry.Deadline) -> _Found:
    name = _role(imds, deadline)
    return _usable(_document(imds.get(_PATH + name, deadline=deadline)), name, imds.clock.wall())


def _role(imds: Imds, deadline: retry.Deadline) -> str:
    name = (imds.get(_PATH, deadline=deadline) or "").split("\n")[0].strip()
    if not name:
        raise retry.Again("no role is listed")
    if not _ROLE.fullmatch(name):
        raise endpoint.invalid(f"gave an invalid name of a role for {_PATH}")
    return name


def _document(text: str | None) -> dict[str, Any]:
    # The text may hold a key: no error shows it, or is chained to one that does.
    try:
        document = json_data.parsed(text or "")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise retry.Again("the answer is not JSON")
    return document


def _usable(document: dict[str, Any], role: str, now: float) -> _Found:
    code = document.get("Code", "Success")
    if code != "Success":
        shown = code if isinstance(code, str) and re.fullmatch(r"[A-Za-z]{1,60}", code) else "an unknown code"
        raise retry.Again(f"role {role} returns {shown} instead of credentials")
    values = {name: document.get(name) for name in _NAMES}
    # They become parts of headers.
    absent = [name for name, value in values.items() if not isinstance(value, str) or not _PLAIN.fullmatch(value)]
    if absent:
        raise retry.Again(f"the answer for role {role} lacks {', '.join(absent)}")
    access_key, secret_key, token, expiration = map(str, values.values())
    secret.remember(secret_key)
    secret.remember(token)
    ends = _moment(expiration)
    if ends is None:
        raise retry.Again(f"the answer for role {role} has an invalid Expiration")
    if ends <= now:
        raise retry.Again(
            f"those of role {role} expired at {expiration}, and this machine's clock shows "
            f"{clock.calendar(now):%Y-%m-%dT%H:%M:%SZ} "
            "(is the clock right? `chronyc tracking`)"
        )
    return _Found(Keys(access_key, secret_key, token), ends)


def _moment(text: str) -> float | None:
    """Return a time in EC2's format as seconds since 1970, None for another text."""
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except (ValueError, OverflowError):
        return None

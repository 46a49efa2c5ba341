"""The door to `tctl`, which asks the auth service of this host: always as Teleport's own account."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Optional

from teleport_bootstrap import errors, escaping, paths
from teleport_bootstrap.host import accounts, process, retry, teleport
from teleport_bootstrap.secret import MASK, Secret

CALL_SECONDS = 30.0
_SHOWN_CHARACTERS = 300

# The first answer may take a while after a boot, and a Teleport that loads its cluster from DynamoDB longer.
FIRST_PAUSE_SECONDS = 1.0

# What `tctl` reads the path of its configuration from, where that is not /etc/teleport.yaml.
_CONFIGURATION = "TELEPORT_CONFIG_FILE"

_NOTHING = Secret("")
# A part of a token is masked too: Teleport shows the end of a name that it does not want to show.
_PART_CHARACTERS = 6


@dataclass(frozen=True)
class Tctl:
    """The installed `tctl`, and the account that it runs as; nothing of what it says is shown unless it failed.

    Its output names tokens. Input is given on standard input: arguments can be seen by every account of the host.
    """

    binary: str
    environ: dict[str, str]
    ids: Optional[tuple[int, int]]

    def status(self, *, wait_seconds: float) -> str:
        """Return what `tctl status` prints; where no auth service answers yet, try again for `wait_seconds`.

        Raises TctlFailed.
        """

        def attempt() -> str:
            done = self._run("status", seconds=min(CALL_SECONDS, max(wait_seconds, 1.0)))
            if not done.ok:
                raise retry.Again(_said(done))
            return done.output

        try:
            return retry.until(retry.Deadline(wait_seconds), attempt, first=FIRST_PAUSE_SECONDS)
        except retry.DeadlinePassed as passed:
            raise errors.TctlFailed(
                f"the auth service of this host does not answer: {passed}",
                hint="Look whether Teleport runs: `systemctl status 'teleport*'`, `teleport-bootstrap status`.",
            ) from None

    def create(self, resource: Secret, *, what: str, secret: Secret = _NOTHING) -> None:
        """Register `resource`, in place of one of that name; `what` is what messages call it.

        `secret` is what it holds that no message may show. Raises TctlFailed.
        """
        done = self._run("create", "-f", given=resource)
        if not done.ok:
            raise errors.TctlFailed(
                f"{what} could not be registered with the auth service: {_said(done, secret)}",
                hint="Look at Teleport's own log, `journalctl -u 'teleport*'`.",
            )

    def token(self, name: str) -> Optional[dict[str, Any]]:
        """Return the token resource `name`, which must be none that is a secret; None where there is none.

        Raises TctlFailed.
        """
        done = self._run("get", f"token/{name}", "--format=json")
        if not done.ok and "not found" in (done.errors + done.output).lower():
            return None
        found: Any = None
        if done.ok:
            try:
                found = json.loads(done.output or "[]")
            except ValueError:
                found = ""
            found = next(iter(found), None) if isinstance(found, list) else found
            if found is None or isinstance(found, dict):
                return found
        raise errors.TctlFailed(
            f"the token resource {name} could not be looked at: "
            + ("`tctl get` gave something else" if done.ok else _said(done)),
            hint=f"Try `tctl get token/{name}` on this host.",
        )

    def _run(self, *arguments: str, given: Secret = _NOTHING, seconds: float = CALL_SECONDS) -> process.Finished:
        return process.run(
            [self.binary, *arguments],
            timeout_seconds=seconds,
            environ=self.environ,
            given=given.reveal().encode(),
            ids=self.ids,
        )


def find(root: paths.Root, *, user: str, group: str) -> Tctl:
    """Return the installed `tctl`, to be run as `user`; raises TctlFailed where there is none, and AccountMissing.

    As that account, it cannot leave files of root's in Teleport's data directory, and has no more rights than Teleport.
    """
    binary = teleport.find(root, "tctl")
    if binary is None:
        raise errors.TctlFailed(
            f"there is no tctl in {', '.join(root.path(each) for each in paths.TELEPORT_BINARIES)}",
            hint="It comes with Teleport: install the same version as that of `teleport`.",
        )
    uid, gid = accounts.ids(root, user, group)
    # What it reads of these may name another cluster, and the home of whoever started us holds his credentials.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TELEPORT_")}
    environ["HOME"] = root.path(paths.DATA)
    if not root.is_live:
        environ[_CONFIGURATION] = root.path(paths.TELEPORT_YAML)
    return Tctl(binary, environ, (uid, gid) if uid > 0 else None)


def _said(done: process.Finished, secret: Secret = _NOTHING) -> str:
    """Return how it ended, and the last line that it wrote to standard error, without `secret`."""
    lines = [line.strip() for line in done.errors.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if _shows(last, secret.reveal()):
        last = MASK
    shown = escaping.one_line(last, _SHOWN_CHARACTERS)
    return f"`tctl {done.argv[1]}` {done.ending}" + (f": {shown}" if shown else "")


def _shows(text: str, secret: str) -> bool:
    """Whether `text` holds as much as a few characters in a row of `secret`."""
    starts = range(len(secret) - _PART_CHARACTERS + 1)
    return any(secret[start : start + _PART_CHARACTERS] in text for start in starts)

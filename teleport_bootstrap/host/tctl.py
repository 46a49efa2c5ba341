"""Runs `tctl`, the client of the auth service of this host, always as Teleport's own account."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence

from teleport_bootstrap import errors, escaping, json_data, masking, paths, regex
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import accounts, process, retry, teleport
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import MASK, Secret

CALL_SECONDS = 30.0
_SHOWN_CHARACTERS = 300

# After a boot the first answer may take a while, longer where Teleport loads its cluster from DynamoDB.
FIRST_PAUSE_SECONDS = 1.0

_NOTHING = Secret("")
# A part of a token is masked too: Teleport masks only the beginning of a name.
_PART_CHARACTERS = 6

# Teleport pins the SHA-256 of a certificate authority's public key; after a rotation there are two, one on each line.
_PIN = regex.compile(r"sha256:[0-9a-f]{64}", re.ASCII)

# `tctl status` prints a table: a name, blanks, a value. During a rotation there are several rows, or one name with
# several pins beside or below each other. Releases differ in the colon and in the separator between pins.
_ROW = regex.compile(r"\W*CA pins?(?=[\s:|]|$)[\s:|]*(.*)", re.IGNORECASE)
_BETWEEN = regex.compile(r"[\s,|\u2502]+")


@dataclass(frozen=True)
class Tctl:
    """The installed `tctl`, and the account that it runs as; its output, which names tokens, is shown only on failure.

    Input is passed on standard input, since arguments are visible to every account of the host.
    """

    binary: str
    environ: dict[str, str]
    ids: tuple[int, int] | None

    def status(self, *, wait_seconds: float) -> str:
        """Return the output of `tctl status`; while no auth service answers, retry for `wait_seconds`.

        Raises TctlFailed.
        """
        return self._answer("status", wait_seconds=wait_seconds)

    def users(self, *, wait_seconds: float, call_seconds: float = CALL_SECONDS) -> tuple[dict[str, Any], ...]:
        """Return the users of the cluster, Teleport's own included; while no auth service answers, retry as above.

        Raises TctlFailed, also where they cannot be read.
        """
        output = self._answer("get", "users", "--format=json", wait_seconds=wait_seconds, call_seconds=call_seconds)
        found: Any = None
        with contextlib.suppress(ValueError):
            found = json_data.parsed(output.strip() or "[]") or []  # null for none
        if isinstance(found, dict):
            found = [found]
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise errors.TctlFailed(
                "the users of the cluster could not be read: the output of `tctl get users` is not a list of users",
                hint="Try `tctl get users` on this host.",
            )
        return tuple(found)

    def add_user(self, name: str, roles: Sequence[str], logins: Sequence[str]) -> Secret:
        """Create the user `name`, and return what `tctl users add` printed, a link for its password among it.

        Raises TctlFailed. Where it did not end by itself, the user may exist nevertheless.
        """
        words = ["users", "add", name, f"--roles={','.join(roles)}", "--format=json"]
        done = self._run(*words, *([f"--logins={','.join(logins)}"] if logins else []))
        if not done.ok:
            raise errors.TctlFailed(
                f"the user {name} could not be created: {_failure(done)}",
                hint=f"If `tctl users ls` lists {name} nevertheless, run `tctl users reset {name}`, which prints "
                "another link. Otherwise check Teleport's log, `journalctl -u 'teleport*'`.",
            )
        return Secret(done.output)

    def _answer(self, *arguments: str, wait_seconds: float, call_seconds: float = CALL_SECONDS) -> str:
        """Return what tctl prints with these arguments; while no auth service answers, retry for `wait_seconds`."""

        def attempt() -> str:
            done = self._run(*arguments, seconds=min(call_seconds, max(wait_seconds, 1.0)))
            if not done.ok:
                raise retry.Again(_failure(done))
            return done.output

        try:
            return retry.until(
                retry.Deadline(wait_seconds), attempt, first=FIRST_PAUSE_SECONDS, what="an answer of tctl"
            )
        except retry.DeadlinePassed as passed:
            raise errors.TctlFailed(
                f"the auth service of this host does not answer: {passed}",
                hint="Check whether Teleport runs: `systemctl status 'teleport*'`, `teleport-bootstrap status`.",
            ) from None

    def create(self, resource: Secret, *, what: str, secret: Secret = _NOTHING) -> None:
        """Register `resource`, replacing one of the same name; messages call it `what`.

        `secret` is the part of it that no message may show. Raises TctlFailed.
        """
        done = self._run("create", "-f", given=resource)
        if not done.ok:
            raise errors.TctlFailed(
                f"{what} could not be registered with the auth service: {_failure(done, secret)}",
                hint="Check Teleport's log, `journalctl -u 'teleport*'`.",
            )

    def token(self, name: str) -> dict[str, Any] | None:
        """Return the token resource `name`, None where there is none; the name must not be a secret itself.

        Raises TctlFailed.
        """
        done = self._run("get", f"token/{name}", "--format=json")
        if not done.ok and "not found" in (done.errors + done.output).lower():
            return None
        found: Any = ""
        if done.ok:
            with contextlib.suppress(ValueError):
                found = json_data.parsed(done.output or "[]")
            if found == []:
                return None
            found = found[0] if isinstance(found, list) else found
        if _is_resource(found):
            return dict(found)
        raise errors.TctlFailed(
            f"the token resource {name} could not be read: "
            + ("the output of `tctl get` is not a token resource" if done.ok else _failure(done)),
            hint=f"Try `tctl get token/{name}` on this host.",
        )

    def _run(self, *arguments: str, given: Secret = _NOTHING, seconds: float = CALL_SECONDS) -> process.Finished:
        argv, stdin = [self.binary, *arguments], given.reveal().encode()
        return process.run(
            argv,
            most_bytes=process.LONG,
            timeout_seconds=seconds,
            environ=self.environ,
            stdin=stdin,
            ids=self.ids,
        )


def find(root: paths.Root, *, user: str, group: str) -> Tctl:
    """Return the installed `tctl`, to be run as `user`; raises TctlFailed where there is none, and AccountMissing.

    As that account, it cannot leave files owned by root in Teleport's data directory, and has only its rights.
    """
    binary = teleport.find(root, "tctl")
    if binary is None:
        raise errors.TctlFailed(
            f"tctl is not installed in {', '.join(root.path(each) for each in paths.TELEPORT_BINARIES)}",
            hint="It is part of Teleport: install the same version as that of `teleport`.",
        )
    uid, gid = accounts.ids(root, user, group)
    # Its own variables may name another cluster, and the home directory of the caller holds the caller's credentials.
    # It talks to the auth server of this host, which no proxy reaches.
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TELEPORT_") and not name.lower().endswith("_proxy")
    }
    environ["HOME"] = root.path(paths.DATA)
    if not root.is_live:
        environ["TELEPORT_CONFIG_FILE"] = root.path(paths.TELEPORT_YAML)
    return Tctl(binary, environ, (uid, gid) if uid > 0 else None)


def _is_resource(found: Any) -> bool:
    """Whether `found` has the form of a token resource, as far as this program reads it."""
    if not isinstance(found, dict):
        return False
    metadata, spec = found.get("metadata"), found.get("spec")
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        return False
    lists = (spec.get(name) or [] for name in ("roles", "allow"))
    return isinstance(metadata.get("labels") or {}, dict) and all(isinstance(each, list) for each in lists)


def _failure(done: process.Finished, secret: Secret = _NOTHING) -> str:
    """Return how it ended, and the last line of its standard error, without `secret`."""
    lines = [line.strip() for line in done.errors.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    shown = MASK if _shows(last, secret.reveal()) else escaping.one_line(masking.mask_foreign(last), _SHOWN_CHARACTERS)
    return f"`tctl {done.argv[1]}` {done.ending}" + (f": {shown}" if shown else "")


def _shows(text: str, secret: str) -> bool:
    """Return whether `text` contains a few consecutive characters of `secret`."""
    starts = range(len(secret) - _PART_CHARACTERS + 1)
    return any(secret[start : start + _PART_CHARACTERS] in text for start in starts)


def pins_from_status(output: str) -> tuple[str, ...]:
    """Return the pins in the output of `tctl status`, sorted, so that a new order is not a change.

    Raises TctlFailed where there are no pins, or where a row of pins holds something else.
    """
    found: list[str] = []
    continues = False
    for line in output.splitlines():
        row = _ROW.fullmatch(line)
        words = [word for word in _BETWEEN.split(row.group(1) if row else line) if word.strip("-")]
        # The next line may hold more pins, or something unrelated.
        continues = bool(row) or (continues and bool(words) and all(each.startswith("sha256:") for each in words))
        if continues:
            found += words
    listed = tuple(sorted(set(pins_in("\n".join(found).lower()))))
    if not listed:
        raise errors.TctlFailed(
            "`tctl status` shows no CA pin" if not found else "`tctl status` shows a CA pin that is invalid",
            hint="Run `tctl status` on this host; a pin is sha256: and 64 hexadecimal digits.",
        )
    return listed


def pins_in(text: str) -> tuple[str, ...]:
    """Return the CA pins in `text`, one on each line; none if it holds anything else.

    Blanks and blank lines are removed: consoles and editors add them, and Teleport would read them as pins.
    """
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    return lines if all(_PIN.fullmatch(line) for line in lines) else ()

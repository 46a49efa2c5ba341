"""The state on an auth server: certbot's own directory, arranged so that certbot can continue with it.

certbot requires links from live/ into archive/. It uses the highest complete number in archive/, and refuses to work
where archive/ or live/ hold files without renewal settings.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Mapping

from teleport_bootstrap import paths
from teleport_bootstrap.change import transaction
from teleport_bootstrap.cluster.certificate import lineage, lineage_files, renewal_conf
from teleport_bootstrap.cluster.certificate.renewal_state import State, add_live
from teleport_bootstrap.host import directory, trouble
from teleport_bootstrap.secret import Secret

# The suffix of files and directories that are no longer used: certbot ignores them, and nothing is deleted.
ASIDE = ".set-aside"

_LINK = ".teleport-bootstrap-new"


class Local:
    """The files of one domain in certbot's directory below a root. Methods raise FileTrouble."""

    def __init__(self, root: paths.Root, domain: str) -> None:
        self.root = root
        self.domain = domain
        self.name = root.path(lineage_files.CONFIG)

    def read(self) -> State:
        """Return what certbot's directory holds."""
        with trouble.at(self.name):
            numbers = lineage_files.numbers(self._names(lineage_files.archive(self.domain)))
            candidates = lineage.newest(
                self.domain, numbers, lambda number: self._numbered(number, numbers[number]), self.name
            )
            # Links lead to numbered files; regular files were copied here by a person.
            live = {kind: self._secret(lineage_files.current(self.domain, kind)) for kind in lineage_files.KINDS}
            renewal = self._secret(lineage_files.renewal(self.domain))
            return State(
                add_live(self.domain, candidates, live, self.name),
                numbers,
                live,
                None if renewal is None else renewal.reveal(),
                self._accounts(),
            )

    def install(self, certificate: lineage.Certificate, renewal: str | None, accounts: Mapping[str, Secret]) -> None:
        """Arrange that certbot continues with `certificate`, which has a number, and with `renewal` and `accounts`.

        Call it within `change.session.begin`. What a killed run has begun, the next run completes.
        """
        number = certificate.number
        assert number is not None  # noqa: S101 - callers give it one
        self._set_aside_above(number)
        with transaction.Transaction(self.root) as changes:
            self._directories(changes)
            self._stage_accounts(changes, accounts)
            for kind in lineage_files.KINDS:
                self._stage(
                    changes,
                    lineage_files.numbered(self.domain, kind, number),
                    certificate.files.content(kind),
                    0o600 if kind == "privkey" else 0o644,
                )
            names = {name for name in map(lineage_files.account, accounts) if name is not None}
            conf = renewal_conf.compose(self.domain, renewal, accounts=names, directory=self.name)
            self._stage(changes, lineage_files.renewal(self.domain), Secret(conf), 0o644)
            changes.commit()
        with trouble.at(self.root.path(lineage_files.path(lineage_files.live(self.domain)))):
            for kind in lineage_files.KINDS:
                self._relink(kind, number)

    def clear(self, accounts: Mapping[str, Secret]) -> None:
        """Arrange that certbot obtains a new certificate: unusable files are set aside, `accounts` are kept."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        for prefix in (lineage_files.archive(self.domain), lineage_files.live(self.domain)):
            target = self.root.path(lineage_files.path(prefix)).rstrip("/")
            if os.path.lexists(target):
                with trouble.at(target):
                    os.rename(target, f"{target}{ASIDE}-{stamp}-{secrets.token_hex(2)}")
        with transaction.Transaction(self.root) as changes:
            self._directories(changes, with_domain=False)
            self._stage_accounts(changes, accounts)
            changes.remove(lineage_files.path(lineage_files.renewal(self.domain)))
            changes.commit()

    def _set_aside_above(self, number: int) -> None:
        """Rename the files with higher numbers: they are incomplete or older, and certbot would use them."""
        folder = self.root.path(lineage_files.path(lineage_files.archive(self.domain)))
        higher = (
            each
            for each in lineage_files.numbers(self._names(lineage_files.archive(self.domain))).items()
            if each[0] > number
        )
        for found, kinds in higher:
            for kind in kinds:
                path = os.path.join(folder, f"{kind}{found}.pem")
                with trouble.at(path):
                    os.rename(path, f"{path}{ASIDE}")

    def _directories(self, changes: transaction.Transaction, *, with_domain: bool = True) -> None:
        wanted = {
            lineage_files.CONFIG: 0o755,
            lineage_files.path("archive"): 0o700,
            lineage_files.path("live"): 0o700,
            lineage_files.path("renewal"): 0o755,
        }
        if with_domain:
            wanted |= {lineage_files.path(f"{prefix}/{self.domain}"): 0o755 for prefix in ("archive", "live")}
        for path, mode in wanted.items():
            changes.make_directory(path, mode=mode, owner="root", group="root")
        changes.sweep(*wanted)

    def _stage_accounts(self, changes: transaction.Transaction, accounts: Mapping[str, Secret]) -> None:
        for key, content in accounts.items():
            parts = key.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = lineage_files.path("/".join(parts[:depth]))
                if not os.path.isdir(
                    self.root.path(folder)
                ):  # also through a link, which certbot creates for old servers
                    changes.make_directory(folder, mode=0o700, owner="root", group="root")
            self._stage(changes, key, content, 0o600)

    def _stage(self, changes: transaction.Transaction, key: str, content: Secret, mode: int) -> None:
        changes.write(lineage_files.path(key), content.reveal().encode(), mode=mode, owner="root", group="root")

    def _relink(self, kind: str, number: int) -> None:
        link = self.root.path(lineage_files.path(lineage_files.current(self.domain, kind)))
        target = self._target(kind, number)
        if self._link(kind) == target:
            return
        staged = f"{os.path.dirname(link)}/.{kind}.{secrets.token_hex(8)}{_LINK}"
        os.symlink(target, staged)
        os.rename(staged, link)
        directory.sync(os.path.dirname(link))

    def _target(self, kind: str, number: int) -> str:
        return f"../../{lineage_files.numbered(self.domain, kind, number)}"

    def _link(self, kind: str) -> str | None:
        try:
            return os.readlink(self.root.path(lineage_files.path(lineage_files.current(self.domain, kind))))
        except OSError:
            return None

    def _names(self, prefix: str) -> list[str]:
        try:
            return os.listdir(self.root.path(lineage_files.path(prefix)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _numbered(self, number: int, kinds: frozenset[str]) -> dict[str, Secret | None]:
        return {kind: self._secret(lineage_files.numbered(self.domain, kind, number)) for kind in kinds}

    def _accounts(self) -> dict[str, Secret]:
        found = {}
        top = self.root.path(lineage_files.CONFIG)
        for folder, _, names in os.walk(os.path.join(top, lineage_files.ACCOUNTS)):
            for name in names:
                key = os.path.relpath(os.path.join(folder, name), top)
                content = self._secret(key) if lineage_files.account(key) is not None else None
                if content is not None:
                    found[key] = content
        return found

    def _secret(self, key: str) -> Secret | None:
        found = None
        with contextlib.suppress(NotADirectoryError):
            found = directory.read(self.root, lineage_files.path(key))
        return None if found is None else Secret(found.content.decode("utf-8", "replace"))

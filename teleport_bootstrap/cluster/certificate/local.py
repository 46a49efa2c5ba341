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

from teleport_bootstrap import errors, paths
from teleport_bootstrap.change import transaction
from teleport_bootstrap.cluster.certificate import lineage
from teleport_bootstrap.cluster.certificate import lineage_files as files
from teleport_bootstrap.host import directory, tree
from teleport_bootstrap.secret import Secret

# The suffix of files and directories that are no longer used: certbot ignores them, and nothing is deleted.
ASIDE = ".set-aside"

# Below accounts/: the server, in up to two parts, `directory`, the account, and its files.
_DEEPEST = 8


class Local(lineage.Place):
    """The files of one domain in certbot's directory below a root. Methods raise FileTrouble."""

    def __init__(self, root: paths.Root, domain: str) -> None:
        super().__init__(domain, root.path(files.CONFIG))
        self.root = root

    def read(self) -> lineage.State:
        """Return what certbot's directory holds."""
        with errors.file_trouble_at(self.name):
            return super().read()

    def install(self, certificate: lineage.Certificate, renewal: str | None, accounts: Mapping[str, Secret]) -> None:
        """Arrange that certbot continues with `certificate`, which has a number, and with `renewal` and `accounts`.

        Call it within `change.session.begin`. What a killed run has begun, the next run completes.
        """
        number = certificate.number
        assert number is not None  # noqa: S101 - callers give it one
        self._set_aside_above(number)
        numbered = [files.numbered(self.domain, kind, number) for kind in certificate.files]
        with transaction.Transaction(self.root) as changes:
            self._reserve(changes, *numbered, files.renewal(self.domain), *accounts)
            self._directories(changes, f"archive/{self.domain}", f"live/{self.domain}")
            self._stage_accounts(changes, accounts)
            for kind, content in certificate.files.items():
                mode = 0o600 if kind == "privkey" else 0o644
                self._stage(changes, files.numbered(self.domain, kind, number), content, mode)
            names = {name for name in map(files.account, accounts) if name is not None}
            conf = files.compose_renewal(self.domain, renewal, accounts=names, directory=self.name)
            self._stage(changes, files.renewal(self.domain), Secret(conf), 0o644)
            changes.commit()
        with errors.file_trouble_at(self._path(files.live(self.domain))):
            for kind in files.KINDS:
                self._relink(kind, number)

    def clear(self, accounts: Mapping[str, Secret]) -> None:
        """Arrange that certbot obtains a new certificate: unusable files are set aside, `accounts` are kept."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        for prefix in (files.archive(self.domain), files.live(self.domain)):
            target = self._path(prefix).rstrip("/")
            if os.path.lexists(target):
                with errors.file_trouble_at(target):
                    os.rename(target, f"{target}{ASIDE}-{stamp}-{secrets.token_hex(2)}")
                    directory.sync(os.path.dirname(target))
        with transaction.Transaction(self.root) as changes:
            self._reserve(changes, files.renewal(self.domain), *accounts)
            self._directories(changes)
            self._stage_accounts(changes, accounts)
            changes.remove(files.path(files.renewal(self.domain)))
            changes.commit()

    def _set_aside_above(self, number: int) -> None:
        """Rename the files with higher numbers: they are incomplete or older, and certbot would use them."""
        for higher, kinds in self._numbers().items():
            for kind in kinds if higher > number else ():
                path = self._path(files.numbered(self.domain, kind, higher))
                with errors.file_trouble_at(path):
                    os.rename(path, f"{path}{ASIDE}")
                    directory.sync(os.path.dirname(path))

    def _reserve(self, changes: transaction.Transaction, *keys: str) -> None:
        """Note where files are about to be staged: the next command removes what a killed run leaves."""
        written = [files.path(key) for key in keys]
        # Nothing is staged in the place of a link.
        changes.reserve(
            (), writing=[each for each in written if not os.path.islink(self.root.path(os.path.dirname(each)))]
        )

    def _directories(self, changes: transaction.Transaction, *of_domain: str) -> None:
        modes = {"archive": 0o700, "live": 0o700, "renewal": 0o755, **dict.fromkeys(of_domain, 0o755)}
        wanted = {files.CONFIG: 0o755, **{files.path(key): mode for key, mode in modes.items()}}
        for path, mode in wanted.items():
            changes.make_directory(path, mode=mode, owner="root", group="root")
        changes.sweep(*wanted)

    def _stage_accounts(self, changes: transaction.Transaction, accounts: Mapping[str, Secret]) -> None:
        for key, content in accounts.items():
            parts = key.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = "/".join(parts[:depth])
                # Also through a link, which certbot creates for old servers.
                if not os.path.isdir(self._path(folder)):
                    changes.make_directory(files.path(folder), mode=0o700, owner="root", group="root")
            self._stage(changes, key, content, 0o600)

    def _stage(self, changes: transaction.Transaction, key: str, content: Secret, mode: int) -> None:
        changes.write(files.path(key), content.reveal().encode(), mode=mode, owner="root", group="root")

    def _relink(self, kind: str, number: int) -> None:
        link = self._path(files.current(self.domain, kind))
        target = f"../../{files.numbered(self.domain, kind, number)}"
        with contextlib.suppress(OSError):
            if os.readlink(link) == target:
                return
        staged = f"{os.path.dirname(link)}/.{kind}.{secrets.token_hex(8)}{directory.STAGED}"
        with contextlib.closing(directory.Directory(os.path.dirname(link))) as opened:
            opened.remove_staged(kind)
        os.symlink(target, staged)
        os.rename(staged, link)
        directory.sync(os.path.dirname(link))

    def _path(self, key: str) -> str:
        return self.root.path(files.path(key))

    def _names(self, prefix: str) -> list[str]:
        try:
            return os.listdir(self._path(prefix))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _accounts(self, renewal: str | None) -> dict[str, Secret]:  # noqa: ARG002 - all of them
        found: dict[str, Secret] = {}
        try:
            opened = directory.Directory(self._path(files.ACCOUNTS))
        except (FileNotFoundError, NotADirectoryError):
            return found
        with contextlib.closing(opened):
            for each in tree.walk(opened.descriptor, deepest=_DEEPEST):
                key = f"{files.ACCOUNTS.rstrip('/')}/{each.path}"
                content = self._secret(key) if files.account(key) is not None else None
                if content is not None:
                    found[key] = content
        return found

    def _text(self, key: str) -> str | None:
        # The links in live/ lead to numbered files, and count as missing; regular files were copied by a person.
        with contextlib.suppress(NotADirectoryError):
            found = directory.read(self.root, files.path(key))
            return None if found is None else found.content.decode("utf-8", "replace")
        return None

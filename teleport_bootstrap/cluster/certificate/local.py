"""The state on an auth server: certbot's own directory, brought to what certbot can go on with.

certbot wants live/ to be links into archive/. It takes the highest complete number in archive/ for the current one, and
refuses to work where archive/ or live/ hold something that no renewal settings go with.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Mapping
from typing import Optional

from teleport_bootstrap.cluster.certificate import layout, lineage, renewal_conf
from teleport_bootstrap.cluster.certificate.state import State, with_live
from teleport_bootstrap.host import changeset, directory, root, trouble
from teleport_bootstrap.secret import Secret

# What no longer counts keeps its name with this behind it: certbot passes over it, and nothing is deleted.
ASIDE = ".set-aside"

_LINK = ".teleport-bootstrap-new"


class Local:
    """certbot's directory below a root, as far as it belongs to the certificate of one domain. Raises FileTrouble."""

    def __init__(self, where: root.Root, domain: str) -> None:
        self.where = where
        self.domain = domain
        self.name = where.path(layout.CONFIG)

    def read(self) -> State:
        """Return what is there."""
        with trouble.at(self.name):
            numbers = layout.numbers(self._names(layout.archive(self.domain)))
            looked = lineage.newest(
                self.domain, numbers, lambda number: self._numbered(number, numbers[number]), self.name
            )
            # Links lead to what has been looked at; files are what somebody has copied here.
            live = {kind: self._secret(layout.current(self.domain, kind)) for kind in layout.KINDS}
            renewal = self._secret(layout.renewal(self.domain))
            return State(
                with_live(self.domain, looked, live, self.name),
                numbers,
                live,
                None if renewal is None else renewal.reveal(),
                self._accounts(),
            )

    def is_linked(self, number: int) -> bool:
        """Whether the current files are links to those with this number, as certbot wants them."""
        return all(self._link(kind) == self._target(kind, number) for kind in layout.KINDS)

    def bring(self, certificate: lineage.Certificate, renewal: str | None, accounts: Mapping[str, Secret]) -> None:
        """Let certbot go on with `certificate`, which has a number; `renewal` and `accounts` as they are elsewhere.

        Call it under `apply.session.begin`. A run that is killed in between leaves what the next one brings to an end.
        """
        number = certificate.number
        assert number is not None  # noqa: S101 - callers give it one
        self._set_aside_above(number)
        with changeset.Changeset(self.where) as changes:
            self._directories(changes)
            self._stage_accounts(changes, accounts)
            for kind in layout.KINDS:
                self._stage(
                    changes,
                    layout.numbered(self.domain, kind, number),
                    certificate.files.content(kind),
                    0o600 if kind == "privkey" else 0o644,
                )
            names = {name for name in map(layout.account, accounts) if name is not None}
            conf = renewal_conf.made(self.domain, renewal, accounts=names, directory=self.name)
            self._stage(changes, layout.renewal(self.domain), Secret(conf), 0o644)
            changes.commit()
        with trouble.at(self.where.path(layout.path(layout.live(self.domain)))):
            for kind in layout.KINDS:
                self._relink(kind, number)

    def clear(self, accounts: Mapping[str, Secret]) -> None:
        """Let certbot begin anew: what is there and cannot be gone on with is set aside, `accounts` are kept."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        for prefix in (layout.archive(self.domain), layout.live(self.domain)):
            target = self.where.path(layout.path(prefix)).rstrip("/")
            if os.path.lexists(target):
                with trouble.at(target):
                    os.rename(target, f"{target}{ASIDE}-{stamp}-{secrets.token_hex(2)}")
        with changeset.Changeset(self.where) as changes:
            self._directories(changes, with_domain=False)
            self._stage_accounts(changes, accounts)
            changes.remove(layout.path(layout.renewal(self.domain)))
            changes.commit()

    def _set_aside_above(self, number: int) -> None:
        """Rename the files with higher numbers: they are not whole, or older, and certbot would go on with them."""
        folder = self.where.path(layout.path(layout.archive(self.domain)))
        higher = (each for each in layout.numbers(self._names(layout.archive(self.domain))).items() if each[0] > number)
        for found, kinds in higher:
            for kind in kinds:
                path = os.path.join(folder, f"{kind}{found}.pem")
                with trouble.at(path):
                    os.rename(path, f"{path}{ASIDE}")

    def _directories(self, changes: changeset.Changeset, *, with_domain: bool = True) -> None:
        wanted = {
            layout.CONFIG: 0o755,
            layout.path("archive"): 0o700,
            layout.path("live"): 0o700,
            layout.path("renewal"): 0o755,
        }
        if with_domain:
            wanted |= {layout.path(f"{prefix}/{self.domain}"): 0o755 for prefix in ("archive", "live")}
        for path, mode in wanted.items():
            changes.make_directory(path, mode=mode, owner="root", group="root")
        changes.sweep(*wanted)

    def _stage_accounts(self, changes: changeset.Changeset, accounts: Mapping[str, Secret]) -> None:
        for key, content in accounts.items():
            parts = key.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folder = layout.path("/".join(parts[:depth]))
                if not os.path.isdir(self.where.path(folder)):  # also through a link, as certbot makes for old servers
                    changes.make_directory(folder, mode=0o700, owner="root", group="root")
            self._stage(changes, key, content, 0o600)

    def _stage(self, changes: changeset.Changeset, key: str, content: Secret, mode: int) -> None:
        changes.write(layout.path(key), content.reveal().encode(), mode=mode, owner="root", group="root")

    def _relink(self, kind: str, number: int) -> None:
        link = self.where.path(layout.path(layout.current(self.domain, kind)))
        target = self._target(kind, number)
        if self._link(kind) == target:
            return
        staged = f"{os.path.dirname(link)}/.{kind}.{secrets.token_hex(8)}{_LINK}"
        os.symlink(target, staged)
        os.rename(staged, link)
        directory.sync(os.path.dirname(link))

    def _target(self, kind: str, number: int) -> str:
        return f"../../{layout.numbered(self.domain, kind, number)}"

    def _link(self, kind: str) -> str | None:
        try:
            return os.readlink(self.where.path(layout.path(layout.current(self.domain, kind))))
        except OSError:
            return None

    def _names(self, prefix: str) -> list[str]:
        try:
            return os.listdir(self.where.path(layout.path(prefix)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _numbered(self, number: int, kinds: frozenset[str]) -> dict[str, Optional[Secret]]:
        return {kind: self._secret(layout.numbered(self.domain, kind, number)) for kind in kinds}

    def _accounts(self) -> dict[str, Secret]:
        found = {}
        top = self.where.path(layout.CONFIG)
        for folder, _, names in os.walk(os.path.join(top, layout.ACCOUNTS)):
            for name in names:
                key = os.path.relpath(os.path.join(folder, name), top)
                content = self._secret(key) if layout.account(key) is not None else None
                if content is not None:
                    found[key] = content
        return found

    def _secret(self, key: str) -> Optional[Secret]:
        found = None
        with contextlib.suppress(NotADirectoryError):
            found = directory.read(self.where, layout.path(key))
        return None if found is None else Secret(found.content.decode("utf-8", "replace"))

"""What Teleport and this program leave on an instance, and no image should have."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from teleport_bootstrap import errors, escaping, paths, roles, unit_table
from teleport_bootstrap.change import changeset, exchange
from teleport_bootstrap.conf import secret_names
from teleport_bootstrap.host import trust
from teleport_bootstrap.inspection import image_files
from teleport_bootstrap.inspection import redaction as looks
from teleport_bootstrap.inspection.image_files import Finding
from teleport_bootstrap.plan import secret_mask

GENERATE = unit_table.GENERATE.service

# In the data directory; whatever else is there should not be either.
_DATA = {
    "host_uuid": "the identity of one host: instances with the same one are one node to the cluster",
    "proc": "the identity of a host that has joined a cluster",
    "backend": "the state of a cluster, its certificate authorities among it",
    "token": "a join token",
    "ca-pin-hash": "the CA pins of one cluster",
    "license.pem": "a license",
    "privkey.pem": "a private key",
    "fullchain.pem": "the certificate of one domain",
    "log": "audit events and recordings",
}
_UNIT = re.compile(r"teleport[\w@.-]*\.(?:service|timer|path|socket)", re.ASCII)
_WANTS = re.compile(r".*\.(?:wants|requires|upholds)")
_ENTRY = re.compile(r"^(?:Environment=)?([A-Za-z_]\w*)=\s*[^\s]", re.MULTILINE)
_FILE_OF_KEY = re.compile(r"^[ -]*[\"']?([\w.-]+)[\"']?: +[\"']?(/[^\s\"'#]+)", re.ASCII | re.MULTILINE)
_TBOT = "/var/lib/tbot"
_TBOT_CONFIGURATION = "/etc/tbot.yaml"


def data(root: paths.Root) -> Iterator[Finding]:
    """Everything in Teleport's data directory."""
    if os.path.islink(image_files.shown(root, paths.DATA)):
        path = image_files.shown(root, paths.DATA)
        yield Finding(path, "a link instead of Teleport's data directory", image_files.remove(path))
    for name in image_files.names(root, paths.DATA):
        if name in exchange.VOLUMES_OWN and image_files.is_empty_directory(root, f"{paths.DATA}/{name}"):
            continue
        path = image_files.shown(root, f"{paths.DATA}/{name}")
        yield Finding(path, _DATA.get(name, "what a Teleport has left in its data directory"), image_files.remove(path))
    yield from _beside(root, paths.DATA, "Teleport's data, put aside by a reset, a restore or by hand")
    for name in image_files.names(root, _TBOT):
        path = image_files.shown(root, f"{_TBOT}/{name}")
        yield Finding(path, "the identity of a bot", image_files.remove(path))


def _beside(root: paths.Root, path: str, what: str) -> Iterator[Finding]:
    """Yield what stands beside `path` and has a name like it: copies, and what was put aside or not ended."""
    folder, own = os.path.split(path)
    likeness = re.compile(rf"\.?{re.escape(own)}(?:[.~]|-(?=bak|back|copy|new|old|orig|sav)).*", re.DOTALL)
    for name in image_files.names(root, folder):
        if likeness.fullmatch(name) and not image_files.is_empty_directory(root, f"{folder}/{name}"):
            shown = image_files.shown(root, f"{folder}/{name}")
            yield Finding(shown, what, image_files.remove(shown))


def configuration(root: paths.Root) -> Iterator[Finding]:
    """Conf, markers and teleport.yaml, which user-data and `generate` make on each instance; secrets in other files."""
    made = {
        paths.CONF: "the conf of one instance: user-data writes it",
        paths.TELEPORT_YAML: "Teleport's configuration for one instance, which `generate` would leave as it is",
        paths.LETSENCRYPT_MARKER: "a marker of one instance",
        **dict.fromkeys(roles.MARKER_PATHS, "the role marker of one instance"),
    }
    for path, what in made.items():
        if image_files.is_there(root, path):
            yield Finding(image_files.shown(root, path), what, image_files.remove(image_files.shown(root, path)))
    for folder in (paths.CONF_DIRECTORY, paths.OVERRIDES, os.path.dirname(paths.TELEPORT_YAML)):
        for name in image_files.names(root, folder):
            path = image_files.shown(root, f"{folder}/{name}")
            if name.endswith((changeset.STAGED, changeset.KEPT)):
                yield Finding(path, "left by a change that was interrupted", image_files.remove(path))
            elif folder == paths.CONF_DIRECTORY and f"{folder}/{name}" != paths.OVERRIDES:
                yield Finding(path, "a copy of a conf, or what else one instance has there", image_files.remove(path))
    yield from _beside(root, paths.TELEPORT_YAML, "a copy of Teleport's configuration for one instance")
    yield from _beside(root, paths.CONF_DIRECTORY, "a copy of the conf of one instance")
    yield from _secrets_in_overrides(root)
    for path in (paths.TELEPORT_DEFAULTS, "/etc/sysconfig/teleport", _TBOT_CONFIGURATION, *_drop_ins(root)):
        yield from _secrets_in(root, path)


def state(root: paths.Root) -> Iterator[Finding]:
    """State of this program: generations, the metadata of one instance, flags, records of jobs, backups."""
    for folder, what in (
        (paths.STATE, "state that teleport-bootstrap keeps of one instance"),
        (paths.BACKUPS, "backups of one instance, with its secrets"),
    ):
        for name in image_files.names(root, folder):
            path = image_files.shown(root, f"{folder}/{name}")
            yield Finding(path, what, image_files.remove(path))


def units(root: paths.Root) -> Iterator[Finding]:
    """Units that would start on each instance, and drop-ins that hold one back."""
    for path in unit_table.DROP_INS:
        if image_files.is_there(root, path):
            shown = image_files.shown(root, path)
            yield Finding(shown, "a drop-in that `generate` made for one instance", image_files.remove(shown))
    is_enabled = False
    for folder in image_files.names(root, paths.SYSTEMD):
        if not _WANTS.fullmatch(folder):
            continue
        for name in image_files.names(root, f"{paths.SYSTEMD}/{folder}"):
            if name == GENERATE:
                is_enabled = True
            elif _UNIT.fullmatch(name):
                live = "" if root.is_live else f" --root={shlex.quote(root.directory)}"
                yield Finding(
                    image_files.shown(root, f"{paths.SYSTEMD}/{folder}/{name}"),
                    f"{name} is enabled; in an image only {GENERATE} is, and enables the others",
                    f"systemctl{live} disable {shlex.quote(name)}",
                )
    if not is_enabled:
        yield Finding(
            image_files.shown(root, f"{paths.SYSTEMD}/multi-user.target.wants/{GENERATE}"),
            f"{GENERATE} is not enabled: instances of this image would not configure themselves",
            f"install the teleport-bootstrap package, or `systemctl enable {GENERATE}`",
            blocks=False,
        )


def certificates(root: paths.Root) -> Iterator[Finding]:
    """Certbot's account, certificates and keys; its settings may stay."""
    for name in ("live", "archive", "accounts", "renewal", "keys", "csr"):
        folder = f"{paths.LETSENCRYPT}/{name}"
        if image_files.has_files(root, folder):
            path = image_files.shown(root, folder)
            yield Finding(
                path, "Let's Encrypt's account, certificates or keys of one cluster", image_files.remove(path)
            )
    if image_files.has_files(root, paths.LETSENCRYPT_WORK):
        path = image_files.shown(root, paths.LETSENCRYPT_WORK)
        yield Finding(path, "what certbot keeps of one cluster", image_files.remove(path))
    yield from _beside(root, paths.LETSENCRYPT, "certificates that were put aside")


def _secrets_in_overrides(root: paths.Root) -> Iterator[Finding]:
    """Overrides may be the same for a whole fleet; a secret in one would be in each copy of the image."""
    try:
        names = trust.names(root, paths.OVERRIDES)
    except errors.BootstrapError as error:
        yield Finding(image_files.shown(root, paths.OVERRIDES), error.message, error.hint)
        return
    for name in names:
        path = f"{paths.OVERRIDES}/{name}"
        content = _text(root, path)
        if content is None or _has_secret(secret_mask.masked(content), content):
            yield Finding(
                image_files.shown(root, path),
                "an override that holds what is named like a secret"
                if content is not None
                else "an override that is no regular file",
                image_files.remove(image_files.shown(root, path)),
            )
        for key, file in _FILE_OF_KEY.findall(content or ""):
            if secret_names.looks_secret(key) and image_files.is_filled(root, file):
                shown = image_files.shown(root, file)
                yield Finding(shown, f"what an override names as {key}", image_files.remove(shown))


def _drop_ins(root: paths.Root) -> Iterator[str]:
    """Yield Teleport's units of this machine, and what people have added to them."""
    for folder in image_files.names(root, paths.SYSTEMD):
        if _UNIT.fullmatch(folder):
            yield f"{paths.SYSTEMD}/{folder}"
        elif folder.endswith(".d") and _UNIT.fullmatch(folder[: -len(".d")]):
            yield from (
                f"{paths.SYSTEMD}/{folder}/{name}" for name in image_files.names(root, f"{paths.SYSTEMD}/{folder}")
            )


def _secrets_in(root: paths.Root, path: str) -> Iterator[Finding]:
    content = _text(root, path) if image_files.is_filled(root, path) else ""
    # Words apart, since a unit may set several variables in one line.
    names = _ENTRY.findall((content or "").replace('"', "\n").replace("'", "\n").replace(" ", "\n"))
    if content is None or any(map(secret_names.looks_secret, names)) or _has_secret(content, content):
        shown = image_files.shown(root, path)
        yield Finding(shown, "settings for Teleport that hold what is named like a secret", image_files.remove(shown))


def _has_secret(masked: str, content: str) -> bool:
    return masked != content or looks.Mask([]).apply(content) != escaping.several_lines(content)


def _text(root: paths.Root, path: str) -> str | None:
    found = image_files.read(root, path)
    return None if found is None else found.decode("utf-8", "replace")

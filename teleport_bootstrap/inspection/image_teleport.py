"""What Teleport and this program leave on an instance, and no image should hold."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from teleport_bootstrap import errors, escaping, paths, roles, unit_table
from teleport_bootstrap.change import directory_swap
from teleport_bootstrap.conf import secret_names
from teleport_bootstrap.finding import NOTE, Finding
from teleport_bootstrap.host import directory, trust
from teleport_bootstrap.inspection import redaction
from teleport_bootstrap.inspection.image_files import Image
from teleport_bootstrap.plan import secret_mask

GENERATE = unit_table.GENERATE.service

# Names in the data directory; anything else should not be there either.
_DATA = {
    "host_uuid": "the identity of one host: instances with the same one are one node to the cluster",
    "proc": "the identity of a host that has joined a cluster",
    "backend": "the state of a cluster, including its certificate authorities",
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


def data(image: Image) -> Iterator[Finding]:
    """Everything in Teleport's data directory."""
    if os.path.islink(image.locate(paths.DATA)):
        yield image.finding(paths.DATA, "a link instead of Teleport's data directory")
    for name in image.names(paths.DATA):
        if name in directory_swap.VOLUMES_OWN and image.is_empty_directory(f"{paths.DATA}/{name}"):
            continue
        yield image.finding(f"{paths.DATA}/{name}", _DATA.get(name, "left in its data directory by Teleport"))
    yield from _similar_names(image, paths.DATA, "a copy of Teleport's data, left by a reset, a restore or a person")
    for name in image.names(_TBOT):
        yield image.finding(f"{_TBOT}/{name}", "the identity of a bot")


def configuration(image: Image) -> Iterator[Finding]:
    """Conf, markers and teleport.yaml, which every instance gets at its first boot, and secrets in other files."""
    yield from image.existing(
        {
            paths.CONF: "the conf of one instance, which user-data writes",
            paths.TELEPORT_YAML: "Teleport's configuration for one instance, which `generate` would not replace",
            paths.LETSENCRYPT_MARKER: "a marker of one instance",
            **dict.fromkeys(roles.MARKER_PATHS, "the role marker of one instance"),
        }
    )
    for folder in (paths.CONF_DIRECTORY, paths.OVERRIDES, os.path.dirname(paths.TELEPORT_YAML)):
        for name in image.names(folder):
            path = f"{folder}/{name}"
            if name.endswith((directory.STAGED, directory.KEPT)):
                yield image.finding(path, "left by an interrupted change")
            elif folder == paths.CONF_DIRECTORY and path != paths.OVERRIDES:
                yield image.finding(path, "a copy of a conf, or another file of one instance")
    yield from _similar_names(image, paths.TELEPORT_YAML, "a copy of Teleport's configuration for one instance")
    yield from _similar_names(image, paths.CONF_DIRECTORY, "a copy of the conf of one instance")
    yield from _secrets_in_overrides(image)
    for path in (paths.TELEPORT_DEFAULTS, "/etc/sysconfig/teleport", _TBOT_CONFIGURATION, *_teleport_units(image)):
        yield from _secrets_in(image, path)


def state(image: Image) -> Iterator[Finding]:
    """State of this program: generations, the metadata of one instance, flags, records of jobs, backups."""
    for folder, message in (
        (paths.STATE, "teleport-bootstrap's state of one instance"),
        (paths.BACKUPS, "backups of one instance, with its secrets"),
    ):
        for name in image.names(folder):
            yield image.finding(f"{folder}/{name}", message)


def units(image: Image) -> Iterator[Finding]:
    """Units that would start on each instance, and drop-ins that keep one from starting."""
    yield from image.existing(dict.fromkeys(unit_table.DROP_INS, "a drop-in that `generate` wrote for one instance"))
    is_enabled = False
    for folder in filter(_WANTS.fullmatch, image.names(paths.SYSTEMD)):
        for name in image.names(f"{paths.SYSTEMD}/{folder}"):
            if name == GENERATE:
                is_enabled = True
            elif _UNIT.fullmatch(name):
                root = "" if image.root.is_live else f" --root={shlex.quote(image.root.directory)}"
                yield image.finding(
                    f"{paths.SYSTEMD}/{folder}/{name}",
                    f"{name} is enabled; in an image only {GENERATE} should be, which enables the others",
                    f"systemctl{root} disable {shlex.quote(name)}",
                )
    if not is_enabled:
        yield image.finding(
            f"{paths.SYSTEMD}/multi-user.target.wants/{GENERATE}",
            f"{GENERATE} is not enabled: instances of this image would not configure themselves",
            f"install the teleport-bootstrap package, or `systemctl enable {GENERATE}`",
            severity=NOTE,
        )


def certificates(image: Image) -> Iterator[Finding]:
    """Certbot's account, certificates and keys; its settings may stay."""
    for name in ("live", "archive", "accounts", "renewal", "keys", "csr"):
        folder = f"{paths.LETSENCRYPT}/{name}"
        if image.has_files(folder):
            yield image.finding(folder, "Let's Encrypt's account, certificates or keys of one cluster")
    if image.has_files(paths.LETSENCRYPT_WORK):
        yield image.finding(paths.LETSENCRYPT_WORK, "certbot's state of one cluster")
    yield from _similar_names(image, paths.LETSENCRYPT, "a copy of certificates")


def _similar_names(image: Image, path: str, message: str) -> Iterator[Finding]:
    """Yield the files next to `path` with a name derived from it: copies, and leftovers of interrupted commands."""
    folder, own = os.path.split(path)
    derived = re.compile(rf"\.?{re.escape(own)}(?:[.~]|-(?=bak|back|copy|new|old|orig|sav)).*", re.DOTALL)
    for name in filter(derived.fullmatch, image.names(folder)):
        if not image.is_empty_directory(f"{folder}/{name}"):
            yield image.finding(f"{folder}/{name}", message)


def _secrets_in_overrides(image: Image) -> Iterator[Finding]:
    """Overrides may be the same for a whole fleet, but a secret in one would be in every copy of the image."""
    try:
        names = trust.names(image.root, paths.OVERRIDES)
    except errors.BootstrapError as error:
        yield image.finding(paths.OVERRIDES, escaping.one_line(error.message), error.hint)
        return
    for name in names:
        path = f"{paths.OVERRIDES}/{name}"
        content = image.text(path)
        if content is None:
            yield image.finding(path, "an override that is not a regular file")
            continue
        if _has_secret(secret_mask.masked(content), content):
            yield image.finding(path, "an override that sets a value named like a secret")
        for key, file in _FILE_OF_KEY.findall(content):
            if secret_names.looks_secret(key):
                yield from image.filled([file], f"the file that an override names as {key}")


def _teleport_units(image: Image) -> Iterator[str]:
    """Yield the paths of Teleport's units in /etc and of their drop-ins."""
    for folder in image.names(paths.SYSTEMD):
        if _UNIT.fullmatch(folder):
            yield f"{paths.SYSTEMD}/{folder}"
        elif folder.endswith(".d") and _UNIT.fullmatch(folder[: -len(".d")]):
            yield from (f"{paths.SYSTEMD}/{folder}/{name}" for name in image.names(f"{paths.SYSTEMD}/{folder}"))


def _secrets_in(image: Image, path: str) -> Iterator[Finding]:
    content = image.text(path) if image.is_filled(path) else ""
    # Each word on its own line, since a unit may set several variables in one.
    names = _ENTRY.findall(re.sub("[\"' ]", "\n", content or ""))
    if content is None or any(map(secret_names.looks_secret, names)) or _has_secret(content, content):
        yield image.finding(path, "settings for Teleport with a value named like a secret")


def _has_secret(masked: str, content: str) -> bool:
    return masked != content or redaction.Mask([]).apply(content) != escaping.several_lines(content)

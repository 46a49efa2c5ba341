"""Whether an image is free of everything that belongs to one instance."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator

from teleport_bootstrap import errors, escaping, paths, regex, unit_table
from teleport_bootstrap.finding import ERROR, NOTE, Finding, Place
from teleport_bootstrap.host import trust
from teleport_bootstrap.inspection import image_rules, redaction
from teleport_bootstrap.inspection.image_files import Image
from teleport_bootstrap.plan import secret_mask
from teleport_bootstrap.records import replace
from teleport_bootstrap.secret import looks_secret

GENERATE = unit_table.GENERATE.service

_MACHINE_ID = "/etc/machine-id"
_UNIT = regex.compile(r"teleport[\w@.-]*\.(?:service|timer|path|socket)", re.ASCII)
_WANTS = regex.compile(r".*\.(?:wants|requires|upholds)")
_ENTRY = regex.compile(r"^(?:Environment=)?([A-Za-z_]\w*)=\s*[^\s]", re.MULTILINE)
_FILE_OF_KEY = regex.compile(r"^[ -]*[\"']?([\w.-]+)[\"']?: +[\"']?(/[^\s\"'#]+)", re.ASCII | re.MULTILINE)


def findings(root: paths.Root) -> tuple[Finding, ...]:
    """Return one finding for each path that an image should not hold, and an error for each that cannot be read."""
    found: dict[str, Finding] = {}
    image = Image(root)
    others = (
        _secrets_in_overrides,
        _secrets_in_settings,
        _units,
        _updater,
        _machine_id,
        _first_boot,
        _passwords,
        _journal,
    )
    for check in (*(rule.findings for rule in image_rules.RULES), *others):
        try:
            for each in check(image):
                found.setdefault(each.subject, each)
        except OSError as error:
            path = str(error.filename or root.directory)
            message = f"cannot be read: {error.strerror}"
            place = Place(escaping.one_line(path))
            found.setdefault(path, Finding(ERROR, "image-unreadable", path, message, "run seal as root", place))
    return tuple(found.values())


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
            if looks_secret(key) and image.is_filled(file):
                yield image.finding(file, f"the file that an override names as {key}")


def _secrets_in_settings(image: Image) -> Iterator[Finding]:
    """Teleport's units in /etc with their drop-ins, its environment, and the configuration of a bot."""
    units = [f"{paths.SYSTEMD}/{name}" for name in image.names(paths.SYSTEMD) if _UNIT.fullmatch(name)]
    folders = [name for name in image.names(paths.SYSTEMD) if name.endswith(".d") and _UNIT.fullmatch(name[:-2])]
    drop_ins = [path for folder in folders for path in image.matching(f"{paths.SYSTEMD}/{folder}/*")]
    environments = (paths.TELEPORT_DEFAULTS, paths.DEFAULTS, "/etc/sysconfig/teleport")
    for path in (*environments, "/etc/tbot.yaml", *units, *drop_ins):
        content = image.text(path) if image.is_filled(path) else ""
        # Each word on its own line, since a unit may set several variables in one.
        variables = _ENTRY.findall(re.sub("[\"' ]", "\n", content or ""))
        if content is None or any(map(looks_secret, variables)) or _has_secret(content, content):
            yield image.finding(path, "settings for Teleport with a value named like a secret")


def _has_secret(masked: str, content: str) -> bool:
    return masked != content or redaction.Mask([]).apply(content) != escaping.several_lines(content)


def _units(image: Image) -> Iterator[Finding]:
    """Units that would start on each instance."""
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


def _updater(image: Image) -> Iterator[Finding]:
    """What Teleport's own updater leaves: its settings, and versions, of which the one in use may stay."""
    binaries = [image.resolve(f"{folder}/teleport") for folder in paths.TELEPORT_BINARIES]
    for installation in (f"{paths.UPDATER}/{name}" for name in image.names(paths.UPDATER)):
        settings = f"{installation}/{os.path.basename(paths.UPDATER_SETTINGS)}"
        if image.exists(settings):
            yield image.finding(
                settings, "the settings of Teleport's updater, for one cluster; it is not in charge of an instance"
            )
        for name in image.names(f"{installation}/versions"):
            folder = f"{installation}/versions/{name}"
            if any(binary.startswith(f"{image.resolve(folder)}/") for binary in binaries):
                message = "the Teleport of this image, installed by Teleport's updater"
                yield image.finding(folder, message, "keep it: it does not change on an instance", severity=NOTE)
            else:
                yield image.finding(folder, "a version of Teleport that its updater left and that is not in use")


def _machine_id(image: Image) -> Iterator[Finding]:
    if image.exists(_MACHINE_ID):
        # As it is on the disk: a link is an error, wherever it leads.
        content = None if os.path.islink(image.locate(_MACHINE_ID)) else image.text(_MACHINE_ID)
        if content is None or content.strip() not in ("", "uninitialized"):
            remedy = f"truncate --size=0 {shlex.quote(image.locate(_MACHINE_ID))}"
            message = "an identity that all instances would share; an empty file is filled at the first boot"
            yield image.finding(_MACHINE_ID, message, remedy)


def _first_boot(image: Image) -> Iterator[Finding]:
    """State from which cloud-init concludes that the first boot is over."""
    for name in ("instance", "instances", "data", "sem"):
        if image.is_filled(f"/var/lib/cloud/{name}"):
            message = "cloud-init's state of one instance: user-data would not run again"
            remedy = "cloud-init clean --logs" if image.root.is_live else None
            yield image.finding(f"/var/lib/cloud/{name}", message, remedy)


def _passwords(image: Image) -> Iterator[Finding]:
    root = "" if image.root.is_live else f" --root {shlex.quote(image.root.directory)}"
    for line in (image.text("/etc/shadow") or "").splitlines():
        name, _, rest = line.partition(":")
        # A locked account has ! or * in front of its password.
        if rest.startswith(("$", "_")):
            message = "a password that would give access to every instance"
            found = image.finding("/etc/shadow", message, f"passwd{root} -l {shlex.quote(name)}")
            subject = f"{found.subject} ({escaping.one_line(name)})"
            yield replace(found, subject=subject, place=Place(escaping.one_line(subject)))


def _journal(image: Image) -> Iterator[Finding]:
    if image.has_files(paths.JOURNAL):
        severity = NOTE if image.root.is_live else ERROR
        found = image.finding(paths.JOURNAL, "the journal of the machine that built the image", severity=severity)
        yield replace(found, remedy=f"{found.remedy}/*")

"""The files that Teleport needs on this host: what is there, what is missing, and what its unit waits for."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Mapping

from teleport_bootstrap import errors, paths, regex, unit_table
from teleport_bootstrap.change import key_pairs
from teleport_bootstrap.change.transaction import Transaction
from teleport_bootstrap.conf import deployment
from teleport_bootstrap.finding import WARNING, Finding, note
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import directory, regular_file, systemd
from teleport_bootstrap.plan import named_files, plan_model, provenance, teleport_build
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret

FETCH_SERVICE = unit_table.FETCH_SECRETS.service

_PUBLISHED = regex.compile("/teleport/[^/]+/(tokens/[a-z-]+|ca-pin-hash)")
_PEM = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Pending:
    """A file that `unit` waits for: its path as the instance sees it, and `shown` as in messages.

    `parameter` is the SSM parameter that it comes from, None for one from Let's Encrypt. `obstacle` says why what is
    there cannot be used, empty where the file is missing. `command` does now what a timer does for the file.
    """

    path: str
    shown: str
    unit: str
    parameter: str | None
    obstacle: str
    command: str

    def data(self) -> dict[str, object]:
        """Return the values for JSON."""
        return {
            "path": self.path,
            "unit": self.unit,
            "parameter": self.parameter,
            "is_published": self.parameter is not None and is_published(self.parameter),
            "obstacle": self.obstacle or None,
            "next_command": self.command,
        }

    def __str__(self) -> str:
        found = f" (what is there now cannot be used: {self.obstacle})" if self.obstacle else ""
        return f"{self.unit} waits for {self.shown}{found}: {self._source()}"

    def _source(self) -> str:
        if not self.parameter:
            return "the certificate comes from Let's Encrypt through the bucket"
        how = "the auth server publishes it as" if is_published(self.parameter) else "it is fetched from"
        return f"{how} SSM parameter {self.parameter}"


def is_present(root: paths.Root, path: str) -> bool:
    """Return whether `path` is a file with content, also through links, as for systemd and Teleport.

    Only a file that we could have written is read; for any other the size decides.
    """
    content = directory.content(root, path)
    if content is not None:
        return bool(content.strip())
    try:
        facts = os.stat(root.path(path))
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_size > 0


def changed_at(root: paths.Root, path: str) -> float | None:
    """Return when the file `path` was last written or renamed, in seconds since 1970; None where it is missing."""
    try:
        return os.lstat(root.path(path)).st_ctime
    except OSError:
        return None


def stage_secrets(
    changes: Transaction, wanted: tuple[plan_model.SecretFile, ...], values: Mapping[str, Secret]
) -> None:
    """Add the files of the secrets in `values`, by path, to `changes`.

    A blank file among the others, if Teleport's unit waits for it, is removed: it is useless, but systemd cannot know
    that. Older images left such files behind when SSM did not answer.
    """
    for each in wanted:
        secret = values.get(each.path)
        if secret is not None:
            changes.write(each.path, secret.reveal().encode(), mode=each.mode, owner=each.owner, group=each.group)
            continue
        content = directory.content(changes.root, each.path)
        if each.may_be_pending and content is not None and not content.strip():
            # The unit would start, and Teleport would fail at once, again and again.
            changes.remove(each.path)


def pending(root: paths.Root, wanted: plan_model.Applicable) -> tuple[str, ...]:
    """Return the files, as the instance sees them, that are missing and without which the unit does not start."""
    return tuple(
        path
        for path in wanted.gates
        if not is_present(root, path) and not (path in paths.JOIN_SECRETS and has_joined(root))
    )


def has_joined(root: paths.Root) -> bool:
    """Whether this host has an identity in its cluster, so that it no longer needs a token."""
    return os.path.exists(root.path(paths.IDENTITY))


def describe_pending(
    root: paths.Root, wanted: plan_model.Applicable, *, had: Container[str] = ()
) -> tuple[Pending, ...]:
    """Return each pending file and where it comes from, except for those in `had`."""
    parameters = {each.path: each.parameter for each in wanted.secrets}
    return tuple(
        Pending(
            path,
            root.path(path),
            wanted.unit,
            parameters.get(path),
            directory.obstacle(root, path) or "",
            _command(wanted, parameters.get(path)),
        )
        for path in pending(root, wanted)
        if path not in had
    )


def _command(wanted: plan_model.Applicable, parameter: str | None) -> str:
    """Return the command that does now what a timer does for a pending file."""
    if parameter:
        return "teleport-bootstrap fetch-secrets"
    obtains = unit_table.GET_CERTIFICATE.timer in wanted.units.enable
    return f"teleport-bootstrap certificate {'obtain' if obtains else 'install'}"


def notes_on_pending(root: paths.Root, wanted: plan_model.Applicable) -> tuple[str, ...]:
    """Return the same as notes."""
    found = describe_pending(root, wanted)
    return tuple(note(Finding(WARNING, "file-pending", each.path, str(each))) for each in found)


def is_published(parameter: str) -> bool:
    """Whether the auth server of the cluster publishes `parameter`, and not the operator who named it in the conf."""
    return _PUBLISHED.fullmatch(parameter) is not None


def start_teleport(root: paths.Root, wanted: plan_model.Applicable) -> tuple[str, ...]:
    """Start Teleport's unit where it has waited for files that are all there now; return what was started.

    A Teleport that an operator has stopped or disabled stays down. Raises UnitTrouble.
    """
    unit = wanted.unit
    if not systemd.is_running(root) or not systemd.is_installed(root, unit) or pending(root, wanted):
        return ()
    if not os.path.lexists(root.path(paths.TELEPORT_YAML)):
        return ()
    state = systemd.states([unit])[unit]
    if state.active not in ("inactive", "failed") or state.conditions_held or state.enablement != "enabled":
        return ()
    systemd.start([unit])
    return (unit,)


def fetch_missing(root: paths.Root, wanted: plan_model.Applicable) -> None:
    """Start the services that fetch the missing files; they start Teleport's unit when the files are there."""
    missing = set(pending(root, wanted))
    may_arrive = {each.path for each in wanted.secrets if each.may_be_pending}
    if missing & may_arrive and has_fetch_service(root):
        systemd.start([FETCH_SERVICE])
    bringing = certificate_services(root, wanted, is_missing=paths.CERTIFICATE in missing)
    if systemd.is_running(root):
        systemd.start([service for service in bringing if systemd.is_installed(root, service)])


def certificate_services(root: paths.Root, wanted: plan_model.Applicable, *, is_missing: bool) -> tuple[str, ...]:
    """Return the services that should not wait for their timers, since nothing could be served until then.

    An auth server does not serve with the certificate, but proxies wait for it: it requests its first one at once.
    """
    timers = wanted.units.enable
    obtain = unit_table.GET_CERTIFICATE.timer in timers and (
        is_missing or not os.path.exists(root.path(paths.LETSENCRYPT_LIVE))
    )
    install = unit_table.CHECK_CERTIFICATE.timer in timers and is_missing
    chosen = ((unit_table.GET_CERTIFICATE.timer, obtain), (unit_table.CHECK_CERTIFICATE.timer, install))
    return tuple(systemd.service_of(timer) for timer, is_due in chosen if is_due)


def has_fetch_service(root: paths.Root) -> bool:
    """Whether a service on this host fetches later what is not available now."""
    return systemd.is_running(root) and systemd.is_installed(root, FETCH_SERVICE)


def require_named(
    root: paths.Root,
    plan: plan_model.Plan,
    build: teleport_build.TeleportBuild,
    *,
    coming: Callable[[str], bool] | None = None,
) -> tuple[str, ...]:
    """Return a note for each missing file that Teleport only needs to join; raise NeededFileMissing for any other.

    A license that Teleport's `build` does not read is a note too.
    The secrets of the plan are fetched, and the unit waits for them and for the files from Let's Encrypt: those need
    not be there, and neither need what is `coming` with the same change.
    """
    brought = {each.path for each in plan.activation.secrets}
    if plan.activation.deployment.tls is deployment.Tls.LETSENCRYPT:
        brought |= {paths.CERTIFICATE, paths.PRIVATE_KEY}

    def is_brought(path: str) -> bool:
        return path in brought or bool(coming and coming(path))

    return _require(root, plan.document, plan.tree, is_brought, takes_license=build.takes_license)


def require_of_generation(
    root: paths.Root, wanted: plan_model.Applicable, document: dict[str, Any], *, takes_license: bool
) -> tuple[str, ...]:
    """Return and raise what `require_named` does, for an earlier generation, of which there are no origins."""
    brought = {each.path for each in wanted.secrets}
    if any(each.path == paths.LETSENCRYPT_MARKER for each in wanted.files):
        brought |= {paths.CERTIFICATE, paths.PRIVATE_KEY}
    return _require(root, document, None, brought.__contains__, takes_license=takes_license)


def _require(
    root: paths.Root,
    document: dict[str, Any],
    tree: provenance.Tree,
    is_brought: Callable[[str], bool],
    *,
    takes_license: bool,
) -> tuple[str, ...]:
    unusable = [
        (each, fault)
        for each in named_files.needed(document)
        if not is_brought(each.path) and (fault := _fault(root, each))
    ]
    stopping = [
        _describe_named(tree, each, fault)
        for each, fault in unusable
        if not each.until_joined and (takes_license or each.key != named_files.LICENSE)
    ]
    if stopping:
        raise errors.NeededFileMissing(
            "teleport.yaml names files that do not exist, or that Teleport cannot use:",
            lines=stopping,
            hint="Put the files there first, or correct the named lines. Nothing was written.",
        )
    return tuple(_describe_named(tree, each, fault) for each, fault in unusable)


def _fault(root: paths.Root, file: named_files.NeededFile) -> str:
    """Return why Teleport does not start with `file`, empty where it can read it."""
    try:
        facts = os.stat(root.path(file.path))
    except (OSError, ValueError):  # ValueError: a name that no file can have, with a null byte or half a character
        return "is missing"
    if stat.S_IFMT(facts.st_mode) in (stat.S_IFDIR, stat.S_IFIFO, stat.S_IFSOCK):
        return f"is {regular_file.kind(facts.st_mode)}"
    if file.key == ("teleport", "ca_pin") and facts.st_size == 0:
        return "is empty"
    # Teleport takes other contents of other files, and fails only when it uses them.
    is_ca = file.key[-1] == "ca_cert_file" and stat.S_ISREG(facts.st_mode)
    return "holds no certificate in PEM" if is_ca and not _holds_certificate(root.path(file.path)) else ""


def _holds_certificate(path: str) -> bool:
    """Whether the file at `path` has a certificate in PEM; True where it cannot be read, or is too large to judge."""
    try:
        # Followed, since Teleport does.
        return _PEM in regular_file.read(path, follow_links=True)
    except OSError:
        return True


def describe_blocking(root: paths.Root, plan: plan_model.Plan) -> tuple[str, ...]:
    """Return a note for each key pair on this host with which Teleport would not start as planned."""
    return tuple(
        f"{each.message} ({provenance.dotted(each.key)}, from "
        f"{', '.join(map(str, provenance.origins(plan.tree, each.key)))}). {each.unusable.remedy()}"
        for each in key_pairs.blocking(root, plan.document, plan.activation.unit)
    )


def _describe_named(tree: provenance.Tree, file: named_files.NeededFile, fault: str) -> str:
    """Describe a file and where its name comes from, as far as `tree` knows that."""
    origins = "" if tree is None else f", from {', '.join(map(str, provenance.origins(tree, file.key)))}"
    return f"{file.path} {fault}: {file.why} ({provenance.dotted(file.key)}{origins})"

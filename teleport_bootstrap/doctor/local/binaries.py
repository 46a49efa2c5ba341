"""Whether teleport, tctl and tsh are of one release, and of the edition that the conf asks for."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import errors
from teleport_bootstrap.conf import variables
from teleport_bootstrap.doctor.check import HOST, Check, Skipped
from teleport_bootstrap.doctor.subject import Subject
from teleport_bootstrap.finding import ERROR, NOTE, WARNING, Finding
from teleport_bootstrap.host import process, teleport
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import teleport_build

_SECONDS = 4.0
_OTHERS = ("tctl", "tsh")
_MANAGED = "https://goteleport.com/docs/installation/"


def _run(subject: Subject) -> Iterator[Finding]:
    binary = teleport.find(subject.root)
    if binary is None:
        raise Skipped("no Teleport is installed, which another check reports")
    try:
        # Raises where the conf asks for a FIPS build, and this is another one.
        build = gather.build(subject.root, gather.NamedBuild(), gather.conf_if_readable(subject.root))
    except errors.BootstrapError as error:
        yield from error.as_findings(ERROR)
        return
    yield from _edition(subject, build)
    names = [f"teleport {build.version}"]
    for name in _OTHERS:
        path = teleport.find(subject.root, name)
        if path is None:
            if name == "tctl" and _runs_auth(subject):
                message = "tctl is not installed, with which this agent publishes tokens and people make users"
                remedy = f"install the package of Teleport {build.version} whole, which has it: {_MANAGED}"
                yield Finding(WARNING, "tctl-missing", name, message, remedy)
            continue
        said = process.run([path, "version"], most_bytes=process.SHORT, timeout_seconds=_SECONDS)
        other = teleport_build.parse_output(said.output) if said.ok else None
        if other is None:
            message = f"`{path} version` {said.ending}" if not said.ok else f"{path} does not say its version"
            yield Finding(WARNING, "binary-unusable", name, message, _reinstall(build, path))
        elif other.number != build.number:
            message = f"{path} is of {other.version}, and {binary} of {build.version}: they must be of one release"
            yield Finding(WARNING, "binaries-differ", name, message, _reinstall(build, path))
        else:
            names.append(f"{name} {other.version}")
    kind = [build.edition or "of an unknown edition", *(["FIPS"] if build.fips else [])]
    yield Finding(NOTE, "binaries", binary, f"{', '.join(names)} ({', '.join(kind)})")


def _edition(subject: Subject, build: teleport_build.TeleportBuild) -> Iterator[Finding]:
    try:
        wanted = subject.conf.value(variables.TELEPORT_LICENSE_PATH) and _runs_auth(subject)
    except Skipped:
        return
    if wanted and not build.takes_license:
        message = (
            f"the conf asks for a license, but Teleport {build.version} is the community edition, which takes none"
        )
        remedy = (
            f"install Teleport Enterprise {build.version} ({_MANAGED}), or remove "
            f"{variables.TELEPORT_LICENSE_PATH.name} from the conf, then run `teleport-bootstrap reconfigure`"
        )
        yield Finding(WARNING, "edition", "teleport", message, remedy)


def _runs_auth(subject: Subject) -> bool:
    try:
        return subject.activated.deployment.role.runs_auth
    except Skipped:
        return False


def _reinstall(build: teleport_build.TeleportBuild, path: str) -> str:
    return f"install {path} again, from the archive or the package of Teleport {build.version}: {_MANAGED}"


CHECK = Check(
    "binaries", HOST, "teleport, tctl and tsh: whether they are of one release and edition", _run, needs_network=False
)

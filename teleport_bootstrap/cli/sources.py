"""Conf and metadata for read-only commands: from named files, otherwise from this instance."""

from __future__ import annotations

import argparse
import functools
import os
import re
import sys

from teleport_bootstrap import errors, log, paths, records, regex
from teleport_bootstrap.change import boot_service
from teleport_bootstrap.cli import options
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.ec2 import facts
from teleport_bootstrap.hints import BinaryIO
from teleport_bootstrap.host import regular_file, trust
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import overrides, plan_model, planner, requirements
from teleport_bootstrap.state import restore_record
from teleport_bootstrap.user_data import conf_of

logger = log.Logger(__name__)

# What is in it decides nothing that is valid or not.
ANY_INSTANCE = facts.Facts("10.0.0.12", "ip-10-0-0-12.ec2.internal", "i-0123456789abcdef0", "us-east-1", "203.0.113.12")

_INHERITED = regex.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,6})", re.ASCII)


def conf_data(root: paths.Root, path: str | None) -> tuple[bytes, str]:
    """Return the conf at `path` (`-` is standard input), by default the instance's own, and its name in messages.

    Raises ConfMissing and FileTrouble; and UntrustedPath for the instance's own, which controls what root does.
    """
    if path is not None:
        return named_data(path)
    data = trust.read(root, paths.CONF)
    own = root.path(paths.CONF)
    if data is None:
        step = boot_service.command(root)
        hint = f"Name another file; or write this one, for example with an editor, and then run `{step}`."
        raise errors.ConfMissing(f"there is no {own}", hint=hint)
    return data, own


def named_data(path: str) -> tuple[bytes, str]:
    """Return the content of the file at `path` (`-` is standard input), and its name in messages.

    Raises UsageError where it is missing, and FileTrouble.
    """
    return (_from_stdin(), "standard input") if path == "-" else (_named_file(path), path)


def from_user_data(path: str) -> conf_of.Found:
    """Return the conf that the user-data at `path` writes; `-` is standard input, FILE#NAME a resource of a template.

    Raises UserDataUnclear, FileTrouble.
    """
    resource: str | None = None
    file, mark, name = path.rpartition("#")
    if mark and name and not os.path.exists(path):
        path, resource = file, name
    return conf_of.read(*named_data(path), functools.partial(_beside, path), resource=resource)


def _beside(path: str, name: str) -> str | None:
    """Return the text of the file `name`, from the directory of the file `path`; None where it cannot be read."""
    try:
        return _named_file(os.path.join(os.path.dirname(path), name)).decode("utf-8")
    except (errors.BootstrapError, UnicodeDecodeError):
        return None


def load(root: paths.Root, arguments: argparse.Namespace, *, is_whole: bool = False) -> conf_file.Conf:
    """Return the conf that --conf or --user-data name, by default the instance's own. Raises as reading it does.

    Where it `is_whole`, no example may stand for a value of user-data: raises UserDataUnclear then.
    """
    if arguments.user_data is None:
        return requirements.load(*conf_data(root, arguments.conf))
    found = from_user_data(arguments.user_data)
    if is_whole and found.unsure:
        raise errors.UserDataUnclear(found.path, found.unsure)
    for each in found.findings:
        logger.warning("%s", each)
    try:
        return requirements.load(found.data, found.path)
    except errors.ConfInvalid as error:
        raise errors.ConfInvalid(found.path, tuple(map(found.moved, error.findings))) from None


def plan(arguments: argparse.Namespace) -> plan_model.Plan:
    """Return the plan for the conf, the metadata and the Teleport that `arguments` name. Raises as the planner does."""
    root = options.root(arguments)
    conf = load(root, arguments)
    gather.log_warnings(conf)
    files = _overrides(root, arguments)
    overrides.check(files)
    build = gather.build(root, options.build(arguments), conf)
    if arguments.metadata is not None:
        instance = _facts(arguments.metadata, conf)
    elif arguments.user_data is not None:
        instance = ANY_INSTANCE
    else:
        instance = gather.instance(conf, options.doors(arguments))
    found = planner.plan(conf, instance, build, files)
    return records.replace(found, notes=(*restore_record.instead(conf), *found.notes))


def _overrides(root: paths.Root, arguments: argparse.Namespace) -> tuple[overrides.Override, ...]:
    """Return the override files to merge; by default none for a conf that is not this instance's own."""
    if arguments.overrides is None:
        is_own = arguments.conf is None and arguments.user_data is None
        return gather.overrides(root) if is_own else ()
    try:
        chosen, notes = overrides.chosen(os.listdir(arguments.overrides))
    except OSError as error:
        message = f"--overrides {arguments.overrides} cannot be read: {error.strerror}"
        raise errors.UsageError(message, hint="Name the directory with the override files.") from None
    for note in notes:
        logger.warning("%s/%s", arguments.overrides, note)
    files = [os.path.join(arguments.overrides, name) for name in chosen]
    return tuple(overrides.Override(path, _named_file(path)) for path in files)


def _facts(path: str, conf: conf_file.Conf) -> facts.Facts:
    try:
        text = _named_file(path).decode("utf-8")
    except UnicodeDecodeError:
        raise errors.MetadataFileInvalid(f"{path} is not UTF-8 text", hint="Write it as YAML.") from None
    region = conf.value(variables.EC2_REGION)
    return facts.from_yaml(text, path, region=region, needs_hostname=gather.needs_hostname(conf))


def _named_file(path: str) -> bytes:
    inherited = _INHERITED.fullmatch(path)
    try:
        if inherited is not None:
            # What a shell makes of `<(COMMAND)`: a pipe that is open already.
            with open(os.dup(int(inherited[1])), "rb") as file:
                return _bounded(file, path)
        return regular_file.read(path, follow_links=True, limit=trust.LARGEST)
    except FileNotFoundError:
        raise errors.UsageError(f"{path} does not exist", hint="Check the name of the file.") from None
    except OSError as error:
        remedy = error.remedy if isinstance(error, regular_file.Unusable) else "Check the file."
        raise errors.FileTrouble(f"{path} cannot be read: {error.strerror}", hint=remedy) from None


def _from_stdin() -> bytes:
    try:
        return _bounded(sys.stdin.buffer, "standard input")
    except (OSError, TypeError) as error:
        # A pipe that does not block has nothing to give yet: the library answers with nothing at all.
        said = error.strerror if isinstance(error, OSError) else "it does not block, and is empty"
        raise errors.FileTrouble(f"standard input cannot be read: {said}", hint="Name a file instead.") from None


def _bounded(file: BinaryIO, name: str) -> bytes:
    data = file.read(trust.LARGEST + 1)
    if len(data) > trust.LARGEST:
        hint = "A conf has a few lines; check that this is the right file."
        raise errors.FileTrouble(f"{name} is larger than {trust.LARGEST // 1024 // 1024} MiB", hint=hint)
    return data

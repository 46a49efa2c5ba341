"""Finds the secrets that this host holds, so that they can be masked in a support bundle."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat
from collections.abc import Iterator

from teleport_bootstrap import errors, paths, regex, unit_table
from teleport_bootstrap.conf import grammar, secrecy
from teleport_bootstrap.hints import Any
from teleport_bootstrap.host import directory, tree, trust
from teleport_bootstrap.plan import secret_mask, yaml_reading
from teleport_bootstrap.records import dataclass, field
from teleport_bootstrap.secret import Secret, looks_secret, passwords

_LETSENCRYPT = tuple(f"{paths.LETSENCRYPT}/{name}" for name in ("live", "archive", "accounts", "keys"))
_FILES = (*paths.JOIN_SECRETS, paths.LICENSE, paths.PRIVATE_KEY)
_ENTRY = regex.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$", re.MULTILINE)
_FILE_OF_KEY = regex.compile(r"^[ #-]*[\"']?([\w.-]+)[\"']?: +[\"']?(/[^\s\"'#]+)", re.ASCII | re.MULTILINE)
_ENVIRONMENT_LINE = regex.compile(r"^\s*Environment=(.*)$", re.MULTILINE)
_SWITCHES = ("", "true", "false", "yes", "no", "on", "off", "null", "~", "|", ">", "[]", "{}")
_MOST_CONFS = 100
# A shorter password may be an ordinary word.
_SHORTEST_PASSWORD = 5
_EDGE = regex.compile("-----[A-Z0-9 ]+-----")
# Shorter lines of a license or a key mean nothing by themselves.
_SHORTEST_LINE = 8
_LARGEST_SECRET = 128 * 1024
_DEEPEST = 6


@dataclass
class Found:
    """Secrets that were found; `unread` names each file that could not be read, with the reason."""

    secrets: list[Secret] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    _files: set[str] = field(default_factory=set)

    def report(self, trouble: str) -> None:
        """Add a message about a file that could not be read."""
        if trouble not in self.unread:
            self.unread.append(trouble)

    def add(self, value: str) -> None:
        """Add a value, and each line of it where it has several."""
        whole = value.strip()
        # The first or last line of a key is not secret, and redaction needs it to find the rest of the key.
        if whole and not _EDGE.fullmatch(whole):
            self.secrets.append(Secret(whole))
        lines = [line.strip() for line in whole.splitlines()]
        if len(lines) > 1:
            kept = [each for each in lines if len(each) >= _SHORTEST_LINE and not each.startswith("-----")]
            self.secrets.extend(map(Secret, kept))


def find(root: paths.Root) -> Found:
    """Return the secrets in conf, overrides, teleport.yaml, the files that these name, and where certbot keeps keys."""
    found = Found()
    _of_conf(root, found)
    # Copies of the conf, and the conf of a restored host, may hold an earlier token.
    copies = [path for path in _paths_in(root, paths.CONF_DIRECTORY, found)[:_MOST_CONFS] if path != paths.CONF]
    for path in (*filter(lambda path: os.path.isfile(root.path(path)), copies), paths.RESTORED_CONF):
        _of_assignments(_read(root, path, found) or "", found)
    for path in _FILES:
        _of_file(root, path, found)
    for path in (paths.TELEPORT_YAML, *_paths_in(root, paths.OVERRIDES, found)):
        _of_yaml(root, path, found)
    _of_environment(root, found)
    for top in _LETSENCRYPT:
        for path in _files_below(root, top):
            if "key" in os.path.basename(path):
                _of_file(root, path, found)
    return found


def _of_conf(root: paths.Root, found: Found) -> None:
    try:
        data = trust.read(root, paths.CONF)
    except errors.BootstrapError as error:
        found.report(error.message)
        return
    parsed = grammar.parse(data or b"")
    secret = secrecy.secret_assignments(parsed.assignments)
    for index, assignment in enumerate(parsed.assignments):
        if index in secret:
            found.add(assignment.value)
        _of_urls(assignment.value, found)


def _paths_in(root: paths.Root, folder: str, found: Found) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in trust.names(root, folder)]
    except errors.BootstrapError as error:
        found.report(error.message)
        return []


def _of_urls(text: str, found: Found) -> None:
    """Add the passwords in URLs; in the journal they may appear alone."""
    for password in passwords(text):
        if len(password) >= _SHORTEST_PASSWORD:
            found.add(password)


def _of_yaml(root: paths.Root, path: str, found: Found) -> None:
    content = _read(root, path, found)
    if content is None:
        return
    # Also values that are commented out, or in a file that is not valid YAML.
    for value in secret_mask.secrets_in(content):
        if value.strip().lower() not in _SWITCHES:
            found.add(value)
    for named in _files_of_keys(content):
        _of_file(root, named, found)
    _of_urls(content, found)


def _files_of_keys(content: str) -> Iterator[str]:
    """Yield the paths of the secret files that `content` names."""
    for key, path in _FILE_OF_KEY.findall(content):
        if looks_secret(key):
            yield path
    with contextlib.suppress(yaml_reading.Unreadable):
        for value in _scalars(yaml_reading.parse_as_teleport(content), secret=False, depth=0):
            # A static token may be in a file: `proxy,node:/path`.
            yield from (each for each in (value, value.partition(":")[2]) if each.startswith("/"))


def _scalars(value: Any, *, secret: bool, depth: int) -> Iterator[str]:
    """Yield every scalar at any depth below a key that is named like a secret."""
    if depth > _DEEPEST * 2:
        return
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _scalars(below, secret=secret or looks_secret(str(key)), depth=depth + 1)
    elif isinstance(value, list):
        for below in value:
            yield from _scalars(below, secret=secret, depth=depth + 1)
    elif secret and value is not None and not isinstance(value, bool):
        yield str(value)


def _of_environment(root: paths.Root, found: Found) -> None:
    _of_assignments(_read(root, paths.TELEPORT_DEFAULTS, found) or "", found)
    for unit in unit_table.TELEPORT_SERVICES:
        for path in _files_below(root, f"{paths.SYSTEMD}/{unit}.d"):
            for line in _ENVIRONMENT_LINE.findall(_read(root, path, found) or ""):
                try:
                    words = shlex.split(line)
                except ValueError:
                    words = line.split()
                _of_assignments("\n".join(words), found)


def _of_assignments(text: str, found: Found) -> None:
    for name, value in _ENTRY.findall(text):
        if looks_secret(name):
            found.add(value.strip().strip("\"'"))
    _of_urls(text, found)


def _of_file(root: paths.Root, path: str, found: Found) -> None:
    if path in found._files or not os.path.isabs(path):
        return
    found._files.add(path)
    content = _read(root, path, found)
    if content is not None and len(content) <= _LARGEST_SECRET:
        found.add(content)


def _read(root: paths.Root, path: str, found: Found) -> str | None:
    try:
        content = directory.read(root, path)
    except OSError as error:
        found.report(f"{root.path(path)} cannot be read: {error.strerror}")
        return None
    if content is None and (obstacle := directory.obstacle(root, path)):
        found.report(f"{root.path(path)} was not read: {obstacle}")
    return None if content is None else content.content.decode("utf-8", "surrogateescape")


def _files_below(root: paths.Root, top: str) -> Iterator[str]:
    """Yield the regular files below `top`; links are not followed."""
    try:
        opened = directory.Directory(root.path(top))
    except OSError:
        return
    with contextlib.closing(opened), contextlib.suppress(OSError):
        for each in tree.walk(opened.descriptor, deepest=_DEEPEST):
            if not stat.S_ISDIR(each.facts.st_mode) and not stat.S_ISLNK(each.facts.st_mode):
                yield f"{top}/{each.path}"

"""The conf that user-data will write, with each line where it stands in the file that the user has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from teleport_bootstrap import errors, paths, port_table, records, regex
from teleport_bootstrap.conf import variables
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.finding import ERROR, Finding, Place
from teleport_bootstrap.hints import Any
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.user_data import cloud_config, cloudformation, parts, shell, terraform, text
from teleport_bootstrap.user_data.holes import Hole, Holes
from teleport_bootstrap.user_data.parts import Part
from teleport_bootstrap.user_data.text import Line, Text, Unknowable, Write

_ASSIGNMENT = regex.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=", re.ASCII)
# In characters: a template of CloudFormation has 1 MB at most, and what was packed into 16 KiB of user-data has less.
_LONGEST_FILE = 1024 * 1024
_LONGEST_PART = 128 * 1024
# In the place of a value that is not known, the first of these that the variable takes.
_EXAMPLES = (
    *("teleport.example.com", "true", "example", "teleport-example-com", "us-east-1", "/example", "443", "1", "1h"),
    *("admin@example.com", "env: example", "https://example.com", "https://example.com/webhook", "10.0.0.0/8"),
    *(
        "arn:aws:iam::123456789012:role/example",
        f"tcp://db.example.com:{port_table.POSTGRES}",
        f"db.example.com:{port_table.POSTGRES}",
        "github",
        "local",
    ),
    *("auth", "iam", "postgres", "athena://events.example?topicArn=arn:aws:sns:us-east-1:123456789012:example"),
)
# Names that are not the domain itself: the check of load balancers has something to say where they are the same.
_OWN_EXAMPLES = {
    "TELEPORT_AUTH_SERVER_LB": "auth.teleport.example.com",
    "TELEPORT_PROXY_SERVER_LB": "nlb.teleport.example.com",
    "TELEPORT_PROXY_SERVER_NLB_ALIAS": "nlb.teleport.example.com",
}


@dataclass(frozen=True)
class Found:
    """The conf: `data` is its content, `path` names the file for messages, and `findings` are about user-data itself.

    Each line of `data` has the number that it has in the user's file, as long as all of them come from one file and in
    its order; `columns` are to be added to those of a line. `unsure` are those of `findings` that say that an example
    stands for a value, or that a line is left out.
    """

    data: bytes
    path: str
    findings: tuple[Finding, ...]
    columns: dict[int, int]
    unsure: tuple[Finding, ...] = ()

    def moved(self, found: Finding) -> Finding:
        """Return a finding about `data` as one about the user's file."""
        place = found.place
        if place is None or place.file != self.path or place.line is None or place.column is None:
            return found
        more = self.columns.get(place.line)
        column = None if more is None else place.column + more
        return records.replace(found, place=Place(place.file, place.line, column))


def read(data: bytes, path: str, beside: terraform.Beside = lambda _: None, *, resource: str | None = None) -> Found:
    """Return the conf that the user-data in `data`, the content of the file `path`, writes.

    `beside` returns the content of another file that this one names, by its path from there, where it can be read.
    `resource` is the logical id of the one that is meant, of a template of CloudFormation with several.

    `path` may be a script, cloud-config, a message with parts, any of them packed, or a file of Terraform or
    CloudFormation that has it. Raises UserDataUnclear where that cannot be known without running something.
    """
    holes = Holes()
    try:
        whole = _user_data(data, path, holes, beside, resource)
        writes, findings = _written(parts.read(whole, holes))
        # A template is longer than the user-data in it.
        size = min(len(data), len(holes.as_written(whole.joined).encode("utf-8", "surrogateescape")))
        if size > parts.LONGEST and whole.path == path:
            findings = (*findings, _too_long(size, path))
    except RecursionError:
        what = "what writes the conf is nested too deeply to follow it here"
        finding = Finding(ERROR, "user-data-unclear", "user-data", what, text.HERE_DOCUMENT, Place(path))
        raise errors.UserDataUnclear(path, (finding,)) from None
    except Unknowable as unknowable:
        message, remedy = holes.as_written(unknowable.message), holes.as_written(unknowable.remedy)
        finding = Finding(ERROR, "user-data-unclear", "user-data", message, remedy, unknowable.place)
        raise errors.UserDataUnclear(path, (finding,)) from None
    return _assembled(writes, findings, path, holes)


def _user_data(data: bytes, path: str, holes: Holes, beside: terraform.Beside, resource: str | None) -> Text:
    whole = parts.unwrapped(data, path)
    _check_size(whole, _LONGEST_FILE)
    is_terraform = path.endswith((*terraform.FILES, *terraform.TEMPLATES))
    root = None if is_terraform or parts.is_multipart(whole.joined) else cloudformation.compose(whole)
    if resource is not None and root is None and not path.endswith(terraform.FILES):
        what = f"this is not a template of CloudFormation or Terraform, so that it has no resource {resource}"
        raise Unknowable(what, Place(path), "name the file alone")
    if path.endswith(terraform.FILES):
        return terraform.user_data(whole, paths.CONF, holes, beside, resource)
    if path.endswith(terraform.TEMPLATES):
        return terraform.template(whole, holes, beside)
    return whole if root is None else cloudformation.user_data(whole, root, paths.CONF, holes, resource)


def _check_size(content: Text, longest: int) -> None:
    """Raise Unknowable for more than can be user-data: following a script takes time for each of its words."""
    size = sum(len(each.text) + 1 for each in content.lines)
    if size > longest:
        what = f"the text has {size} characters, and more than {longest} are not followed here"
        raise Unknowable(what, Place(content.path), f"EC2 takes {parts.LONGEST} bytes, packed or not")


def _written(found: Sequence[Part]) -> tuple[tuple[Write, ...], tuple[Finding, ...]]:
    """Follow the parts in the order in which they run: boothooks and cloud-config first, then scripts, with runcmd."""
    for each in found:
        _check_size(each.content, _LONGEST_PART)
    writes: tuple[Write, ...] = ()
    findings: list[Finding] = []
    files: dict[str, tuple[Write, ...]] = {}

    def run(scripts: Iterable[Text]) -> None:
        nonlocal writes
        for script in scripts:
            reader = shell.Reader(script, paths.CONF, writes)
            reader.files.add(files)
            writes = reader.writes()
            findings.extend(reader.findings)

    run(each.content for each in found if each.kind == parts.BOOTHOOK)
    configs = [(each.content, each.merging) for each in found if each.kind == parts.CLOUD_CONFIG]
    steps = cloud_config.read(configs, paths.CONF, writes)
    writes = steps.writes
    findings += steps.findings
    files.update(steps.files)
    for kind in parts.SCRIPTS:
        # Each becomes a file, and these run in the order of their names, runcmd among them.
        scripts = {
            each.name or f"part-{number:03}": each.content for number, each in enumerate(found, 1) if each.kind == kind
        }
        if kind == parts.SCRIPT and steps.commands.lines:
            scripts["runcmd"] = steps.commands
        run(scripts[name] for name in sorted(scripts))
    return writes, tuple(findings)


def _too_long(size: int, path: str) -> Finding:
    what = f"the user-data has {size} bytes, and EC2 takes {parts.LONGEST}"
    return Finding(ERROR, "user-data-unclear", "user-data", what, "pack it with gzip", Place(path))


def _assembled(writes: Iterable[Write], findings: Sequence[Finding], path: str, holes: Holes) -> Found:
    found: list[tuple[str, Line]] = []
    said = [*findings, *holes.notes]
    unsure: list[Finding] = []
    unknown: Place | None = None
    for write in text.joined((), tuple(writes)):
        for line in write.lines:
            filled, with_default = holes.filled(line)
            said += _about(filled, with_default, write.path)
            before = len(said)
            kept = _with_example(filled, write.path, said)
            unsure += said[before:]
            if kept is not None:
                found.append((write.path, kept))
            else:
                unknown = unknown or Place(write.path, line.number)
    if not any(line.text.strip() for _, line in found):
        what = f"nothing in this user-data writes {paths.CONF}"
        if unknown is not None:
            what = f"all that this user-data writes to {paths.CONF} is known only when it runs"
        finding = Finding(ERROR, "user-data-unclear", "user-data", what, text.HERE_DOCUMENT, unknown or Place(path))
        raise errors.UserDataUnclear(path, (finding, *findings))
    lines = [line for _, line in found]
    places = {each for each, _ in found}
    is_in_order = all(one.number < other.number for one, other in zip(lines, lines[1:]))
    if len(places) > 1 or not is_in_order:
        content = "".join(f"{each.text}\n" for each in lines)
        return Found(
            content.encode("utf-8", "surrogateescape"),
            f"{path} (the conf that it writes)",
            tuple(said),
            {},
            tuple(unsure),
        )
    whole = [""] * lines[-1].number
    for each in lines:
        whole[each.number - 1] = each.text
    content = "".join(f"{each}\n" for each in whole)
    columns = {each.number: each.column for each in lines if each.exact}
    return Found(content.encode("utf-8", "surrogateescape"), places.pop(), tuple(said), columns, tuple(unsure))


def _about(line: Line, with_default: Sequence[Hole], path: str) -> Iterable[Finding]:
    place = Place(path, line.number)
    for piece in () if _is_comment(line) else line.empty:
        name = piece.strip("${}")
        yield text.warning(
            f"`{text.short(piece)}` becomes nothing here, since nothing in the script sets {name}",
            place,
            "write <<'EOF' to keep it as it is, or set it before",
        )
    for hole in with_default:
        yield text.warning(
            f"`{text.short(hole.written)}` is read with its default, {hole.default or 'which is empty'}", place
        )


def _with_example(line: Line, path: str, said: list[Finding]) -> Line | None:
    """Return the line with an example in place of a value that is not known, and say so; None to leave it out."""
    if not line.unknown or _is_comment(line):
        return line
    place = Place(path, line.number)
    shown = " and ".join(f"`{text.short(each)}`" for each in dict.fromkeys(line.unknown))
    assignment = _ASSIGNMENT.match(line.text)
    variable = variables.find(assignment[1]) if assignment else None
    example = None if variable is None else _example(variable)
    if variable is None or example is None:
        said.append(text.warning(f"{shown} is known only when it runs, so this line is left out here", place))
        return None
    said.append(
        text.warning(f"{shown} is known only when it runs: {variable.name} is read as {example or 'empty'}", place)
    )
    return line._replace(text=f"{variable.name}='{example}'", exact=False)


def _is_comment(line: Line) -> bool:
    return line.text.lstrip().startswith("#")


def _example(variable: Variable[Any]) -> str | None:
    """Return a value that `variable` takes, None where none of the examples is one."""
    for each in (_OWN_EXAMPLES.get(variable.name, _EXAMPLES[0]), *_EXAMPLES):
        try:
            variable.parse(each)
        except errors.BootstrapError:
            continue
        except ValueError:
            continue
        return each
    return None

"""The facts about the instance that a plan needs, from the metadata service or from a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import yaml

from teleport_bootstrap import errors, regex
from teleport_bootstrap.ec2 import items, tags
from teleport_bootstrap.hints import TYPE_CHECKING, Any
from teleport_bootstrap.records import dataclass, field

if TYPE_CHECKING:  # `plan` needs only the class below, and should not wait for an HTTP library
    from teleport_bootstrap.ec2.imds import Imds
    from teleport_bootstrap.host.retry import Deadline


# PyYAML makes one of an escape such as "\ud800".
_HALF_A_CHARACTER = regex.compile("[\ud800-\udfff]")
_OPTIONAL = (items.LOCAL_IPV4, items.PUBLIC_IPV4, items.IPV6)
_NOTHING = ("", "~", "null", "Null", "NULL")
_HINT = (
    "The file is a YAML mapping of local-ipv4 (or ipv6, in an IPv6-only subnet), public-ipv4 (optional), "
    "local-hostname, instance-id, region, and tags (optional: a mapping of tag keys to values)."
)


@dataclass(frozen=True)
class Facts:
    """An instance, as a plan sees it; all values have been checked.

    `local_ipv4` is None in an IPv6-only subnet; the instance then has an `ipv6` address. `public_ipv4` is None for an
    instance without one, `local_hostname` where it has none that can be used and the conf names the node. `tags` holds
    only the tag keys that were requested, or all those in a --metadata file. `notes` are messages for the operator
    about what could not be read.
    """

    local_ipv4: str | None
    local_hostname: str | None
    instance_id: str
    region: str
    public_ipv4: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    ipv6: str | None = None

    @property
    def address(self) -> str:
        """The address under which other hosts of the network reach this one."""
        return self.local_ipv4 or self.ipv6 or ""

    @property
    def is_ipv6_only(self) -> bool:
        """Whether the instance has no IPv4 address at all."""
        return self.local_ipv4 is None


def read(
    imds: Imds,
    *,
    region: str | None,
    needs_hostname: bool = True,
    tag_keys: Sequence[str] = (),
    describe_tags: tags.DescribeTags | None = None,
) -> Facts:
    """Read the facts about this instance from the metadata service, all within one deadline.

    `region` is EC2_REGION of the conf; when it is None, the service is asked. Of the tags only `tag_keys` are read;
    `describe_tags` is used for those that the service cannot show. A tag that cannot be read is a note, never an error;
    so is a private DNS name, unless the conf `needs_hostname`.
    Raises MetadataAbsent, MetadataInvalid and what Imds.get raises.
    """
    deadline = imds.deadline()
    local_ipv4, ipv6 = _addresses(imds, deadline)
    hostname_notes: tuple[str, ...] = ()
    local_hostname: str | None = None
    try:
        local_hostname = items.read_required(imds, items.LOCAL_HOSTNAME, deadline=deadline)
    except (errors.MetadataInvalid, errors.MetadataAbsent) as error:
        if needs_hostname:
            raise type(error)(error.message, hint=f"Set TELEPORT_NODENAME in the conf. {error.hint}") from None
        hostname_notes = (f"the private DNS name is not used: {error.message}",)
    instance_id = items.read_required(imds, items.INSTANCE_ID, deadline=deadline)
    region = region or items.read_required(imds, items.REGION, deadline=deadline)
    public_ipv4 = items.read(imds, items.PUBLIC_IPV4, deadline=deadline)
    found, notes = tags.read(
        imds, tag_keys, region=region, instance_id=instance_id, describe_tags=describe_tags, deadline=deadline
    )
    return Facts(local_ipv4, local_hostname, instance_id, region, public_ipv4, found, hostname_notes + notes, ipv6)


def _addresses(imds: Imds, deadline: Deadline) -> tuple[str | None, str | None]:
    """Return the private IPv4 address, or else the IPv6 address."""
    try:
        return items.read_required(imds, items.LOCAL_IPV4, deadline=deadline), None
    except errors.MetadataAbsent:
        ipv6 = items.read(imds, items.IPV6, deadline=deadline)
        if ipv6 is None:
            raise
        return None, ipv6


def from_yaml(text: str, path: str, *, region: str | None = None, needs_hostname: bool = True) -> Facts:
    """Return the facts in `text`, the YAML of a --metadata file that messages call `path`.

    Scalars are read as they are written (1.10 stays 1.10, yes stays yes), as EC2 would return them. `region`,
    EC2_REGION of the conf, wins over that of the file. local-hostname may be missing or unusable, unless the conf
    `needs_hostname`. Raises MetadataFileInvalid with all problems.
    """
    problems: list[str] = []
    values, found = _read(_document(text, path), problems)
    if region is not None:
        values[items.REGION] = region
    usable = items.usable_hostname(values.get(items.LOCAL_HOSTNAME, ""))
    if usable is not None:
        values[items.LOCAL_HOSTNAME] = usable
    elif not needs_hostname:
        values.pop(items.LOCAL_HOSTNAME, None)
    optional = (items.PUBLIC_IPV4,) if needs_hostname else (items.PUBLIC_IPV4, items.LOCAL_HOSTNAME)
    for name in list(values):
        try:
            values[name] = items.CHECKS[name](values[name])
        except ValueError as error:
            problems.append(f"{name}: {items.excerpt(values[name])} is {error}")
    named = {problem.partition(":")[0] for problem in problems}
    for name in items.CHECKS:
        other = {items.LOCAL_IPV4: items.IPV6}.get(name, name)
        if name not in (*values, *named, *optional, items.IPV6) and other not in (*values, *named):
            problems.append(f"{name}: missing" + (", and no EC2_REGION in the conf" if name == items.REGION else ""))
    if problems:
        raise errors.MetadataFileInvalid(f"{path}: not valid facts of an instance", lines=problems, hint=_HINT)
    arguments: dict[str, Any] = {name.replace("-", "_"): value for name, value in values.items()}
    return Facts(**{"local_ipv4": None, "local_hostname": None, **arguments}, tags=found)


def _document(text: str, path: str) -> yaml.Node | None:
    try:
        # BaseLoader reads all scalars as strings; composing without constructing keeps duplicate keys.
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.BaseLoader)
    except (
        yaml.YAMLError,
        RecursionError,
        ValueError,
        OverflowError,
    ) as error:  # the last two for an impossible escape
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
        reason = getattr(error, "problem", None) or "characters that YAML does not allow, or nested too deep"
        raise errors.MetadataFileInvalid(f"{place}: not YAML: {reason}", hint=_HINT) from None
    return node


def _read(node: yaml.Node | None, problems: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the facts by their names, and the tags."""
    values: dict[str, str] = {}
    found: dict[str, str] = {}
    for name, value in _pairs(node, "the file", problems):
        if name == "tags":
            if not _is_nothing(value):
                found = {
                    key: each.value for key, each in _pairs(value, name, problems) if _is_text(key, each, problems)
                }
        elif name not in items.CHECKS:
            problems.append(f"{name}: unknown (line {value.start_mark.line + 1})")
        elif not (_is_nothing(value) and name in _OPTIONAL) and _is_text(name, value, problems):
            values[name] = value.value
    return values, found


def _pairs(node: yaml.Node | None, what: str, problems: list[str]) -> Iterator[tuple[str, yaml.Node]]:
    """Yield the entries of a mapping, each key once; anything else goes to `problems`."""
    if not isinstance(node, yaml.MappingNode):
        problems.append(f"{what}: not a mapping")
        return
    seen = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append(f"{what}: a key that is not plain text (line {line})")
        elif key.value in seen:
            problems.append(f"{items.excerpt(key.value)}: given twice (line {line})")
        else:
            seen.add(key.value)
            if not _is_whole(key.value):
                problems.append(f"{items.excerpt(key.value)}: not a name (line {line})")
                continue
            yield key.value, value


def _is_text(name: str, node: yaml.Node, problems: list[str]) -> bool:
    is_text = isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str"
    if is_text and _is_whole(node.value):
        return True
    problems.append(f"{name}: not plain text (line {node.start_mark.line + 1})")
    return False


def _is_whole(text: str) -> bool:
    return text.isascii() or _HALF_A_CHARACTER.search(text) is None


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.style and node.value in _NOTHING

"""The instance's tags: from the metadata service where it shows them, otherwise from ec2:DescribeTags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from teleport_bootstrap import errors, regex
from teleport_bootstrap.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from teleport_bootstrap.ec2.imds import Imds
    from teleport_bootstrap.host.retry import Deadline

# Takes region, instance id and tag keys; returns the values of the tags that exist; raises a catalogue error.
DescribeTags = Callable[[str, str, Sequence[str]], Mapping[str, str]]

# EC2 User Guide, "View tags for your EC2 instances using instance metadata": other keys cannot be exposed.
_EXPOSABLE = regex.compile(r"(?!(?:\.|\.\.|_index)\Z)[A-Za-z0-9+\-=.,_:@]+")


def read(
    imds: Imds,
    keys: Sequence[str],
    *,
    region: str,
    instance_id: str,
    describe_tags: DescribeTags | None,
    deadline: Deadline,
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the tags in `keys` that exist, and notes about those that could not be read.

    `describe_tags` reads tags through the EC2 API, and may raise a catalogue error; it is called at most once, and only
    for keys that the metadata service cannot show. Raises what Imds.get raises.
    """
    if not keys:
        return {}, ()
    found: dict[str, str] = {}
    missing: list[str] = []
    listing = imds.get("tags/instance/", deadline=deadline)
    # Such a key needs no escaping in a path, and a listed key exists.
    exposed = {key for key in (listing or "").splitlines() if _EXPOSABLE.fullmatch(key)}
    elsewhere = [key for key in keys if listing is None or not _EXPOSABLE.fullmatch(key)]
    for key in keys:
        value = imds.get(f"tags/instance/{key}", deadline=deadline) if key in exposed else None
        if value is not None:
            found[key] = value
        elif key not in elsewhere:
            missing.append(key)
    notes: list[str] = []
    if elsewhere:
        described, trouble = _described(describe_tags, region, instance_id, elsewhere)
        found.update((key, described[key]) for key in elsewhere if key in described)
        if trouble:
            notes.append(_unavailable(elsewhere, trouble, instance_id, allowed=listing is not None))
        else:
            missing += [key for key in elsewhere if key not in described]
    if missing:
        notes.append(f"this instance ({instance_id}) has no tag {_listed(missing)}, so it gets no such label")
    return {key: found[key] for key in keys if key in found}, tuple(notes)


def _described(
    describe_tags: DescribeTags | None, region: str, instance_id: str, keys: Sequence[str]
) -> tuple[Mapping[str, str], str]:
    """Return the tags that the EC2 API has, and why it could not be called, "" where it could."""
    if describe_tags is None:
        return {}, "ec2:DescribeTags was not tried"
    try:
        return describe_tags(region, instance_id, keys), ""
    except errors.BootstrapError as error:
        return {}, error.message


def _unavailable(keys: Sequence[str], trouble: str, instance_id: str, *, allowed: bool) -> str:
    if all(_EXPOSABLE.fullmatch(key) for key in keys) and not allowed:
        remedy = (
            "allow tags in metadata: aws ec2 modify-instance-metadata-options "
            f"--instance-id {instance_id} --instance-metadata-tags enabled"
        )
    else:
        remedy = (
            "a key with a space, a / or another character that instance metadata cannot show "
            "needs ec2:DescribeTags on * in the policy of the instance role"
        )
    return f"could not read tag {_listed(keys)} for a label: {trouble}; {remedy}"


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(repr(key) for key in keys)

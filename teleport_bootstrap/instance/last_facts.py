"""The facts of this instance, and without the metadata service those of the last change that was applied here."""

from __future__ import annotations

from teleport_bootstrap import errors, records
from teleport_bootstrap.conf import conf_file, variables
from teleport_bootstrap.ec2 import facts, items
from teleport_bootstrap.hints import Any
from teleport_bootstrap.instance import gather
from teleport_bootstrap.plan import plan_inputs
from teleport_bootstrap.state import current, metadata_cache

# On an instance the service answers at once, or not at all.
_SECONDS = 10.0


def instance(conf: conf_file.Conf, doors: gather.Doors) -> facts.Facts:
    """Return the facts of this instance, with a note where they are those of the last change.

    Raises the errors of the metadata service where there are no such facts either.
    """
    known = metadata_cache.read(doors.root)
    if not known.get(items.INSTANCE_ID) or not (known.get(items.LOCAL_IPV4) or known.get(items.IPV6)):
        return gather.instance(conf, doors)
    try:
        return gather.instance(conf, records.replace(doors, wait_seconds=min(doors.wait_seconds, _SECONDS)))
    except errors.BootstrapError as error:
        is_enough = known.get(items.LOCAL_HOSTNAME) or not gather.needs_hostname(conf)
        if error.exit_status != errors.METADATA or not is_enough:
            raise
        note = f"the facts of this instance are those of the last change that was applied: {error.message}"
        return facts.Facts(
            local_ipv4=known.get(items.LOCAL_IPV4),
            local_hostname=known.get(items.LOCAL_HOSTNAME),
            instance_id=known[items.INSTANCE_ID],
            region=conf.value(variables.EC2_REGION) or known.get(items.REGION, ""),
            public_ipv4=known.get(items.PUBLIC_IPV4),
            tags=_tags(conf, doors),
            notes=(note,),
            ipv6=known.get(items.IPV6),
        )


def _tags(conf: conf_file.Conf, doors: gather.Doors) -> dict[str, str]:
    """Return the tags that the labels of the current generation were made from."""
    generation = current.known_generation(doors.root, current.FILE.read_or_warn(doors.root))
    labels: dict[str, Any] = {}
    for section in generation.document.values() if generation is not None else ():
        found = section.get("labels") if isinstance(section, dict) else None
        labels.update(found if isinstance(found, dict) else {})
    wanted = conf.value(variables.TELEPORT_TAG_LABELS) or ()
    return {tag: str(labels[key]) for tag in wanted if (key := plan_inputs.label_key(tag)) in labels}

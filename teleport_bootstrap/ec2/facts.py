"""What the plan needs to know of the instance, however it was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional


@dataclass(frozen=True)
class Facts:
    """An instance, as the plan sees it. Values are checked before they get here: addresses are addresses.

    `public_ipv4` is None for an instance without one. `tags` holds only the tag keys that were asked for, or all
    of a --metadata file.
    """

    local_ipv4: str
    local_hostname: str
    instance_id: str
    region: str
    public_ipv4: Optional[str] = None
    tags: Mapping[str, str] = field(default_factory=dict)

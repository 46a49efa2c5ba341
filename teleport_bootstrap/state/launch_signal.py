"""What this instance has signaled, so that each of its launches is signaled once, and each of its ends drained once."""

from __future__ import annotations

from teleport_bootstrap import paths, records
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.state import state_file


@dataclass(frozen=True)
class Launch:
    """A launch: the instance, who waits for it, and the state in its group that it is on its way to.

    The `state` is one of Auto Scaling's target lifecycle states, such as InService or Warmed:Stopped; empty for a
    stack, and where the group does not tell. An instance from a warm pool has several launches: one that was returned
    to the pool and is started again differs from its last launch in `boot` alone, which is empty for a stack.
    """

    instance_id: str
    target: str
    state: str = ""
    boot: str = ""

    def is_of(self, other: Launch) -> bool:
        """Whether both are the same launch, be the stack another one: a conf that was restored may name it."""
        return records.replace(self, target=other.target) == other


FILE: state_file.StateFile[Launch] = state_file.StateFile(
    paths.SIGNALED, Launch, unknown="it is unknown what this instance has signaled"
)

# With the hook that a drain is for. Apart from what was signaled: that may be for a stack.
SEEN: state_file.StateFile[Launch] = state_file.StateFile(
    paths.SEEN_IN_GROUP, Launch, unknown="it is unknown which state of its group this instance had"
)

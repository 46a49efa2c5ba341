"""Which services Teleport runs according to a document."""

from __future__ import annotations

from typing import Any

ON = frozenset(("yes", "yeah", "y", "true", "1", "on"))
OFF = frozenset(("no", "nope", "n", "false", "0", "off"))

# On unless the document disables them; every other service is off unless it enables it.
BY_DEFAULT = ("auth_service", "proxy_service", "ssh_service")


def truth(value: Any) -> bool | None:
    """Return how Teleport reads a boolean: None for a word that it does not know.

    See ParseBool in Teleport's api/utils.
    """
    word = str(value).lower() if isinstance(value, (str, bool, int)) else ""
    return True if word in ON else False if word in OFF else None


def runs(document: dict[str, Any], service: str) -> bool:
    """Return whether Teleport runs `service`: an unknown word disables it, a missing one means the default."""
    section = document.get(service)
    word = section.get("enabled") if isinstance(section, dict) else None
    return service in BY_DEFAULT if word in (None, "") else truth(word) is True


def services(document: dict[str, Any]) -> list[str]:
    """Return the names of the services that run."""
    named = dict.fromkeys((*BY_DEFAULT, *(key for key in document if key.endswith("_service"))))
    return [name for name in named if runs(document, name)]

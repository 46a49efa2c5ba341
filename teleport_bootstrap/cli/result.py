"""What a command gives back: text for a person, data for a program, and how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from teleport_bootstrap import errors


@dataclass(frozen=True)
class Result:
    """`text` is printed as it is, `data` as JSON with --format json; `status` is the exit status."""

    text: str
    data: Any
    status: int = errors.OK

    def shown(self, form: str) -> str:
        """Return what goes to standard output in the form `text` or `json`."""
        if form == "json":
            return json.dumps(self.data, indent=2, ensure_ascii=False) + "\n"
        return self.text if self.text.endswith("\n") or not self.text else self.text + "\n"

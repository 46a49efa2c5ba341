"""`teleport-bootstrap collect-logs`: write a bundle for a support case, with every secret masked."""

from __future__ import annotations

import argparse
import os

from teleport_bootstrap import errors
from teleport_bootstrap.cli import options, result, status
from teleport_bootstrap.operations import collect_logs

EXAMPLE = "teleport-bootstrap collect-logs --output ./case-1234.tar.gz"

DAYS = 3.0


def _days(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 60:
        raise argparse.ArgumentTypeError("a number of days up to 60")
    return value


OPTIONS = (
    options.option("--output", "the new file to write; default: one in /var/lib/teleport-bootstrap", metavar="FILE"),
    options.option(
        "--days", f"how far the journals go back; default: {DAYS:.0f}", metavar="DAYS", type=_days, default=DAYS
    ),
)


def run(arguments: argparse.Namespace) -> result.Result:
    """Write the bundle and report what it holds and what was masked."""
    root = options.root(arguments)
    if root.is_live and os.geteuid() != 0:
        raise errors.FileTrouble(
            "only root can read the secrets of this host, which have to be known to be masked",
            hint="Run it with sudo. Nothing was written.",
        )
    made = collect_logs.make(root, arguments.output, days=arguments.days, status=lambda: status.answer(root))
    lines = [f"wrote {made.path}, {made.size / 1024:.0f} KiB, {len(made.entries)} files"]
    lines += [f"masked {count} times: {kind}" for kind, count in sorted(made.masked.items())]
    lines += [f"WARNING: a secret in this file may not be masked: {each}" for each in made.unread]
    lines += [f"missing or incomplete: {each}" for each in made.absent]
    lines.append("Check its content before you send it (tar -xzf; MANIFEST.txt lists it), and delete it afterwards.")
    data = {
        "path": made.path,
        "size_bytes": made.size,
        "entries": made.entries,
        "masked": [{"kind": kind, "count": count} for kind, count in sorted(made.masked.items())],
    }
    findings = [
        *result.warnings((f"a secret in this file may not be masked: {each}" for each in made.unread), "unmasked"),
        *result.warnings((f"missing or incomplete: {each}" for each in made.absent), "missing"),
    ]
    return result.Result(lines, data, findings=findings)

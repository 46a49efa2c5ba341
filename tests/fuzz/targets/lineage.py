"""certbot's files in the bucket: regenerated renewal settings hold no hook, and no key leads elsewhere."""

from __future__ import annotations

import re

from teleport_bootstrap.cluster.certificate import lineage_files
from tests.fuzz.oracle import holds, same

LONGEST = 1024
ALLOWED = {
    *("version", "renew_before_expiry", "archive_dir", "cert", "privkey", "chain", "fullchain", "account", "server"),
    *("key_type", "rsa_key_size", "elliptic_curve", "preferred_chain", "must_staple", "reuse_key", "authenticator"),
    "dns_route53_propagation_seconds",
}


def check(data: bytes) -> None:
    """Take `data` for renewal settings, for keys and for names of files."""
    text = data.decode("utf-8", "replace")
    account = lineage_files.renewal_account(text)
    composed = lineage_files.compose_renewal("example.com", text, accounts=[account] if account else [])
    holds(composed.isascii() and composed.replace("\n", "").isprintable(), composed)
    for line in composed.splitlines():
        name, equals, _ = line.partition(" = ")
        holds(not line or line.startswith("#") or line == "[renewalparams]" or (equals and name in ALLOWED), line)
    same(composed.count("[renewalparams]"), 1)
    same(lineage_files.compose_renewal("example.com", composed, accounts=[account] if account else []), composed)
    same(lineage_files.renewal_account(composed), account)
    for key in text.split("\n"):
        owner = lineage_files.account(key)
        if owner is not None:
            holds(re.fullmatch("[0-9a-f]{32}", owner), owner)
            holds(key.isascii() and not key.startswith("/") and ".." not in key.split("/"), key)
            holds(lineage_files.path(key).startswith(f"{lineage_files.CONFIG}/accounts/"), key)
    numbers = lineage_files.numbers(text.split("\n"))
    same(list(numbers), sorted(numbers, reverse=True))
    holds(all(0 < number < 10**9 and kinds <= set(lineage_files.KINDS) for number, kinds in numbers.items()), numbers)

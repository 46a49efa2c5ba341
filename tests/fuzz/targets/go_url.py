"""Addresses as Go reads them: parts or a reason, and a message about an address never shows its password."""

from __future__ import annotations

from teleport_bootstrap import secret
from teleport_bootstrap.plan import go_url
from tests.fuzz.oracle import PLANTED, holds, secretless

LONGEST = 256


def check(data: bytes) -> None:
    """Parse the text, and one with a password in it."""
    text = data.decode("utf-8", "replace")
    for one in (text, f"https://{text}", f"//{text}/x"):
        try:
            url = go_url.parse(one)
        except go_url.Malformed as malformed:
            holds(str(malformed), one)
            continue
        holds(url.scheme == url.scheme.lower() and url.scheme.isascii(), url)
        holds(all(part in one for part in (url.host, url.path, url.query)), (one, url))
        holds("/" not in url.host and "@" not in url.host, url)
    try:
        host, port = go_url.split_host_port(text)
    except go_url.Malformed as malformed:
        holds(str(malformed), text)
    else:
        holds(text in (f"{host}:{port}", f"[{host}]:{port}"), (text, host, port))
    head = "".join(each for each in text if each.isalnum())[:10]
    tail = "".join(each for each in text.partition("/")[2] if each not in " @<>\"'\n\t" and each.isprintable())
    address = f"mongodb://{head}:{PLANTED}@h/{tail}"
    secretless(go_url.without_user(address))
    secretless(secret.without_passwords(f"it says {address}"))

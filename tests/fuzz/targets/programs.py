"""What teleport, tctl and certbot print: a version, pins and a token resource in their forms, or an error in words."""

from __future__ import annotations

import re

from teleport_bootstrap.host import certbot, process, tctl
from teleport_bootstrap.plan import teleport_build
from teleport_bootstrap.secret import Secret
from tests.fuzz.oracle import PLANTED, catalogue, holds, plain, same

LONGEST = 1024
TOOL = tctl.Tctl("/usr/bin/tctl", {}, None)


def check(data: bytes) -> None:
    """Have the programs print `data`; the first byte says how they end."""
    status, output = data[:1], data[1:].decode("utf-8", "replace")
    build = None
    with catalogue():
        build = teleport_build.parse_output(output)
    holds(build is None or re.match(r"[0-9]+\.[0-9]+\.[0-9]+", build.version), build)
    pins = tctl.pins_in(output)
    holds(all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in pins), pins)
    with catalogue():
        found = tctl.pins_from_status(output)
        holds(found and list(found) == sorted(set(found)), found)
        holds(all(re.fullmatch("sha256:[0-9a-f]{64}", each) for each in found), found)
    ended = status[0] % 3 if status else 0
    done = process.Finished(("certbot", "renew"), ended, output, output)
    holds(certbot.last_words(done).isprintable(), certbot.last_words(done))
    before = process.run
    process.run = lambda *_, **__: done
    try:
        with catalogue():
            TOOL.create(Secret(PLANTED), what="the token", secret=Secret(PLANTED))
            same(done.ok, True)
        harmless = output.replace(PLANTED, "")
        done = process.Finished(("tctl", "get"), ended, harmless, harmless)
        plain(done.describe())
        with catalogue():
            token = TOOL.token("example")
            holds(token is None or isinstance(token, dict), token)
    finally:
        process.run = before

"""A conf to start from for each role: what the role needs, and in comments what hosts of that role often set."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from teleport_bootstrap import port_table
from teleport_bootstrap.conf import reference
from teleport_bootstrap.conf import variables as v
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.hints import Any
from teleport_bootstrap.roles import BY_CONF_VALUE, Role

# A variable with a value to replace.
Line = tuple[Variable[Any], str]

_COLUMNS = 78
_CLUSTER: Line = (v.TELEPORT_CLUSTER_NAME, "teleport.example.com")
_DOMAIN: Line = (v.TELEPORT_DOMAIN_NAME, "teleport.example.com")
_AUTH: Line = (v.TELEPORT_AUTH_SERVER_LB, "teleport-nlb.example.com")
_ACM: Line = (v.USE_ACM, "true")
_LABELS: Line = (v.TELEPORT_SSH_LABELS, "env: production|team: core")

# For each role: what it sets, and what may be added.
_LINES: dict[Role, tuple[Sequence[Line], Sequence[Line]]] = {
    Role.ALL: (
        [_DOMAIN, _ACM, _AUTH, (v.TELEPORT_PROXY_SERVER_LB, "teleport-proxy-nlb.example.com")],
        [(v.TELEPORT_AUTH_TYPE, "github"), (v.TELEPORT_LICENSE_PATH, "true"), _LABELS],
    ),
    Role.AUTH: (
        [
            _CLUSTER,
            _DOMAIN,
            _AUTH,
            (v.TELEPORT_DYNAMO_TABLE_NAME, "teleport.example.com"),
            (v.TELEPORT_DYNAMO_EVENTS_TABLE_NAME, "teleport.example.com-events"),
            (v.TELEPORT_LOCKS_TABLE_NAME, "teleport.example.com-locks"),
            (v.TELEPORT_S3_BUCKET, "teleport-example-com"),
            (v.USE_LETSENCRYPT, "false"),
        ],
        [(v.TELEPORT_AUTH_TYPE, "github"), (v.TELEPORT_LICENSE_PATH, "true")],
    ),
    Role.PROXY: (
        [_CLUSTER, _DOMAIN, _AUTH, _ACM, (v.TELEPORT_PROXY_SERVER_LB, "teleport-proxy-nlb.example.com")],
        [(v.TELEPORT_ENABLE_POSTGRES, "true")],
    ),
    Role.NODE: ([_CLUSTER, _AUTH], [_LABELS, (v.TELEPORT_NODENAME, "bastion-1")]),
    Role.AGENT: (
        [
            (v.TELEPORT_PROXY_SERVER_LB, "teleport.example.com:443"),
            (v.TELEPORT_JOIN_TOKEN_PARAMETER, "/teleport/teleport.example.com/tokens/agent"),
            (v.TELEPORT_AGENT_SSH_ENABLED, "true"),
        ],
        [
            (v.TELEPORT_AGENT_DB_ENABLED, "true"),
            (v.TELEPORT_AGENT_DB_NAME, "orders"),
            (v.TELEPORT_AGENT_DB_PROTOCOL, "postgres"),
            (v.TELEPORT_AGENT_DB_URI, f"orders.example.com:{port_table.POSTGRES}"),
            (v.TELEPORT_AGENT_APP_ENABLED, "true"),
            (v.TELEPORT_AGENT_APP_NAME, "wiki"),
            (v.TELEPORT_AGENT_APP_URI, "http://127.0.0.1:8080"),
        ],
    ),
}


def conf(role: Role) -> str:
    """Return a valid conf for `role`, with comments that say what each line means."""
    needed, more = _LINES[role]
    about = f"A conf for the role {role.value}, to fill in with your own values."
    # A conf that names this role is one of the starter cluster, whose load balancers are others.
    about += " Without TELEPORT_ROLE, it is this role." if role is Role.ALL else ""
    lines = [*_comment(f"{about} `teleport-bootstrap validate FILE` lists every problem in it.")]
    if role is not Role.ALL:
        needed = [(v.TELEPORT_ROLE, next(word for word, each in BY_CONF_VALUE.items() if each is role)), *needed]
    for each in needed:
        lines += ["", *_explained(each)]
    lines += ["", "# Often used too: remove the # before a name."]
    for each in more:
        lines += ["", *_explained(each, before="#")]
    return "\n".join(lines) + "\n"


def _explained(line: Line, before: str = "") -> Iterator[str]:
    variable, value = line
    # The first sentence of its explanation.
    yield from _comment(re.split(r"(?<=\.)\s", reference.plain(variable.help), maxsplit=1)[0])
    yield f'{before}{variable.name}="{value}"'


def _comment(text: str) -> Iterator[str]:
    wrapped = textwrap.wrap(text, _COLUMNS, break_on_hyphens=False, break_long_words=False)
    return (f"# {each}" for each in wrapped)

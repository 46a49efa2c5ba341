"""For the same conf, `validate` succeeds exactly when `render` does: nothing is found only on the instance."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teleport_bootstrap.cli import main
from teleport_bootstrap.conf import kinds, variables

FACTS = "local-ipv4: 10.1.2.3\nlocal-hostname: ip-10-1-2-3.ec2.internal\ninstance-id: i-0abc\nregion: eu-west-1\n"

# Values for each type, such as people write, right and wrong.
_BOOLEANS = ("true", "false", "yes", "0", "maybe")
_NAMES = ("teleport.example.com", "example.com", "orders", "orders_prod", "Prod", "a b", "x" * 64, "10.0.0.7", "None")
_VALUES: dict[str, tuple[str, ...]] = {
    kinds.BOOLEAN.name: _BOOLEANS,
    kinds.PORT.name: ("443", "3080", "3022", "3023", "3024", "3025", "3026", "3000", "3036", "5432", "27017", "0", "x"),
    kinds.DNS_NAME.name: _NAMES,
    kinds.DNS_NAME_OR_ADDRESS.name: (*_NAMES, "2001:db8::1", "a.example.com"),
    kinds.HOST_PORT.name: ("proxy.example.com", "proxy.example.com:443", "proxy.example.com:99999", "https://p"),
    kinds.LABELS.name: ("env: prod", "env: dev, team: core", "a b: c", "x", "on: yes|on: no", "|", f"{'k' * 1200}: v"),
    kinds.APPLICATION_URI.name: ("http://127.0.0.1:80", "wiki:80", "10.0.0.1:80", "://", "tcp://a"),
    kinds.REGION.name: ("us-east-1", "us-east-1a", "here"),
    kinds.BUCKET.name: ("bucket-1", "s3://bucket", "B"),
    kinds.EMAIL.name: ("a@example.com", "a"),
    kinds.SECRET.name: ("planted-token-1", "None", "a b"),
    kinds.FLAG.name: ("true", "false", "/var/lib/teleport/license.pem"),
    variables.TELEPORT_AGENT_DB_PROTOCOL.kind.name: ("postgres", "mysql", "postgresql", "x y"),
    variables.TELEPORT_JOIN_METHOD.kind.name: ("token", "iam", "ec2", "bound_keypair", "tokn"),
    variables.TELEPORT_ACM_TARGET_PROTOCOL.kind.name: ("http", "https", "HTTP"),
    variables.PROXY_MULTIPLEXING.kind.name: ("separate", "multiplex", "both"),
    variables.TELEPORT_AUTH_TYPE.kind.name: ("local", "github", "none"),
    variables.TELEPORT_AGENT_DB_AWS_TYPES.kind.name: ("rds", "rds,redshift", "mysql"),
    kinds.TAGS.name: ("*", "env: prod", "env"),
    variables.TELEPORT_DYNAMO_TABLE_NAME.kind.name: ("state-1", "x", "a/b"),
    kinds.CLUSTER_NAME.name: ("cluster-1", "c", "a b", "-x"),
}
_DEFAULT = ("a", "wiki", "Prod", "orders_prod", "a.example.com:80", "a b", "*", "'")

# What a role cannot do without, so that many of the confs are valid.
_BASES = (
    "TELEPORT_ROLE=\n",
    "TELEPORT_DOMAIN_NAME=example.com\nUSE_ACM=true\n",
    "TELEPORT_ROLE=auth,node,proxy\nTELEPORT_DOMAIN_NAME=example.com\n",
    "TELEPORT_ROLE=auth\nTELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=auth.example.com\nUSE_LETSENCRYPT=false\n"
    "TELEPORT_DYNAMO_TABLE_NAME=state-1\nTELEPORT_DYNAMO_EVENTS_TABLE_NAME=events-1\nTELEPORT_S3_BUCKET=bucket-1\n"
    "TELEPORT_LOCKS_TABLE_NAME=locks-1\n",
    "TELEPORT_ROLE=proxy\nTELEPORT_DOMAIN_NAME=example.com\nTELEPORT_AUTH_SERVER_LB=auth.example.com\nUSE_ACM=true\n",
    "TELEPORT_ROLE=node\nTELEPORT_CLUSTER_NAME=c\nTELEPORT_AUTH_SERVER_LB=auth.example.com\n",
    *(
        "TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=proxy.example.com\nTELEPORT_JOIN_TOKEN=t\n"
        "TELEPORT_AGENT_APP_ENABLED=true\nTELEPORT_AGENT_APP_NAME=wiki\nTELEPORT_AGENT_APP_URI=http://127.0.0.1:80\n"
        f"TELEPORT_AGENT_DB_ENABLED=true\nTELEPORT_AGENT_DB_NAME=orders\nTELEPORT_AGENT_DB_PROTOCOL=postgres\n"
        f"TELEPORT_AGENT_DB_URI=db.example.com:5432\n{ssh}"
        for ssh in ("", "TELEPORT_AGENT_SSH_ENABLED=true\n")
    ),
)


def _lines(variable: variables.Variable[object]) -> st.SearchStrategy[str]:
    values = st.sampled_from(("", *_VALUES.get(variable.kind.name, _DEFAULT)))
    numbers = st.sampled_from((0, 0, 0, 2)) if variable.of is not None and variable.of.is_list else st.just(0)
    return st.builds(lambda value, number: _line(variables.numbered(variable, number).name, value), values, numbers)


def _line(name: str, value: str) -> str:
    return f'{name}="{value}"\n'


# Variables that what is served depends on come more often.
_LINES = st.one_of(
    *map(_lines, [each for each in variables.TABLE if each is not variables.TELEPORT_RESTORE_FROM]),
    *map(_lines, [each for each in variables.TABLE if "_AGENT_" in each.name or each.kind is kinds.PORT]),
)
CONFS = st.builds(lambda base, lines: base + "".join(lines), st.sampled_from(_BASES), st.lists(_LINES, max_size=4))


@given(text=CONFS)
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_validate_succeeds_exactly_when_render_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    statuses = _statuses(tmp_path, text)
    shown = capsys.readouterr()
    assert statuses["validate"] == statuses["render"], f"{text}\n{shown.out}\n{shown.err}"
    assert statuses["validate"] in (0, 2)


@pytest.mark.parametrize(
    "line",
    [
        *("TELEPORT_AGENT_APP_NAME=Prod", "TELEPORT_AGENT_APP_NAME=a.b", "TELEPORT_AGENT_DB_NAME=orders_prod"),
        *("TELEPORT_AGENT_DB_NAME=2nd", "TELEPORT_AGENT_APP_2_NAME=wiki", "TELEPORT_AGENT_DB_NAME=x_y"),
    ],
)
def test_row_5_validate_finds_what_teleport_would_refuse_of_an_agent(tmp_path: Path, line: str) -> None:
    assert _statuses(tmp_path, f"{_BASES[-2]}{line}\n") == {"validate": 2, "render": 2}
    assert _statuses(tmp_path, f"{_BASES[-1]}{line}\n") == {"validate": 0, "render": 0}  # SSH stays: it is left out


@pytest.mark.parametrize(
    ("role", "status"),
    [
        *((base, 0) for base in (_BASES[-4], _BASES[-3])),
        ("TELEPORT_ROLE=agent\nTELEPORT_PROXY_SERVER_LB=p.example.com\nTELEPORT_AGENT_SSH_ENABLED=true\n", 0),
        ("TELEPORT_ROLE=node\n", 2),
    ],
)
def test_row_5_validate_takes_bound_keypair_as_render_does(tmp_path: Path, role: str, status: int) -> None:
    """It took the first release of the newest major, which knows that method for bots only, and ended with 5."""
    secret = "TELEPORT_JOIN_TOKEN_NAME=host-7\nTELEPORT_REGISTRATION_SECRET_PATH=/etc/registration\n"
    text = f"{role}TELEPORT_JOIN_METHOD=bound_keypair\n{secret}"
    assert _statuses(tmp_path, text) == {"validate": status, "render": status}


@pytest.mark.parametrize("port", [3000, 3022, 3023, 3025, 3026])
def test_row_5_validate_finds_ports_that_are_used_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], port: int
) -> None:
    text = f"TELEPORT_DOMAIN_NAME=example.com\nTELEPORT_WEB_LISTEN_PORT={port}\n"
    assert _statuses(tmp_path, text) == {"validate": 2, "render": 2}
    assert f"{tmp_path / 'conf'}:2" in capsys.readouterr().out


def _statuses(folder: Path, text: str) -> dict[str, int]:
    conf, facts = folder / "conf", folder / "facts.yaml"
    conf.write_text(text)
    facts.write_text(FACTS)
    commands = {"validate": [str(conf)], "render": ["--conf", str(conf), "--metadata", str(facts)]}
    return {name: main.run([name, "--root", str(folder), *more]) for name, more in commands.items()}

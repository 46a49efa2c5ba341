"""The conf of each kind of instance, with the names that the templates and modules give to things in AWS."""

from __future__ import annotations

from collections.abc import Iterator

from teleport_bootstrap import paths, port_table
from teleport_bootstrap.conf import variables as v
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.hints import Any
from teleport_bootstrap.launch import questions, words
from teleport_bootstrap.launch.questions import Answers
from teleport_bootstrap.roles import Role

Lines = Iterator["tuple[Variable[Any], str]"]

# Those of each set-up, in the order in which they are launched.
ROLES = {words.STARTER: (Role.ALL,), words.HA: (Role.AUTH, Role.PROXY, Role.NODE)}


def roles(answers: Answers) -> tuple[Role, ...]:
    """Return which kinds of instances there are."""
    return ROLES[answers["setup"]]


def folder(role: Role) -> str:
    """Return the name of the directory for the files of a role."""
    return "instance" if role is Role.ALL else role.value


def conf(answers: Answers, role: Role) -> str:
    """Return the conf for the instances of this role, ending with a line feed."""
    return "".join(f'{variable.name}="{value}"\n' for variable, value in _lines(answers, role))


def user_data(answers: Answers, role: Role) -> str:
    """Return user-data that writes the conf and does nothing else."""
    return f"#!/bin/bash\ncat >{paths.CONF} <<'EOF'\n{conf(answers, role)}EOF\n"


def auth_address(answers: Answers) -> str:
    """Return the name under which auth servers are reached: that of their load balancer, if there is one."""
    return f"auth.{answers['domain']}"


def proxy_address(answers: Answers) -> str:
    """Return the name of the network load balancer in front of the proxies, beside that of the web."""
    return f"nlb.{answers['domain']}"


def tables(answers: Answers) -> dict[Variable[Any], str]:
    """Return the names of the tables of state, events and locks."""
    cluster = answers["cluster"]
    return {
        v.TELEPORT_DYNAMO_TABLE_NAME: cluster,
        v.TELEPORT_DYNAMO_EVENTS_TABLE_NAME: f"{cluster}-events",
        v.TELEPORT_LOCKS_TABLE_NAME: f"{cluster}-locks",
    }


def _lines(answers: Answers, role: Role) -> Lines:
    if role is not Role.ALL:
        yield v.TELEPORT_ROLE, role.value
    yield v.EC2_REGION, answers["region"]
    yield v.TELEPORT_CLUSTER_NAME, answers["cluster"]
    if role is not Role.NODE:
        yield v.TELEPORT_DOMAIN_NAME, answers["domain"]
        yield from _web(answers, role)
    yield v.TELEPORT_AUTH_SERVER_LB, auth_address(answers)
    if role.runs_auth:
        yield from _stored(answers)
        yield v.TELEPORT_AUTH_TYPE, answers["sign_in"]
        if questions.is_enterprise(answers):
            yield v.TELEPORT_LICENSE_PATH, "yes"
    elif role is Role.PROXY and answers["certificate"] == words.LETSENCRYPT:
        yield v.TELEPORT_S3_BUCKET, answers["bucket"]


def _web(answers: Answers, role: Role) -> Lines:
    if role is Role.ALL:
        yield v.TELEPORT_EXTERNAL_HOSTNAME, answers["domain"]
        yield v.TELEPORT_EXTERNAL_PORT, str(port_table.HTTPS)
    if answers["certificate"] == words.ACM:
        yield v.USE_ACM, "true"
        if role.runs_proxy:
            yield v.TELEPORT_PROXY_SERVER_LB, proxy_address(answers)
        return
    yield v.USE_LETSENCRYPT, "true"
    if role.runs_auth:
        yield v.TELEPORT_DOMAIN_ADMIN_EMAIL, answers["email"]


def _stored(answers: Answers) -> Lines:
    if questions.stores_in_aws(answers):
        for variable, name in tables(answers).items():
            if variable is not v.TELEPORT_LOCKS_TABLE_NAME or _needs_lock(answers):
                yield variable, name
    if "bucket" in answers:
        yield v.TELEPORT_S3_BUCKET, answers["bucket"]


def _needs_lock(answers: Answers) -> bool:
    """Whether auth servers take turns; one that is alone does so for Let's Encrypt only."""
    return answers["setup"] == words.HA or answers["certificate"] == words.LETSENCRYPT

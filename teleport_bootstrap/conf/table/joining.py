"""How the instance joins its cluster."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import EVERY_ROLE, Required, Variable
from teleport_bootstrap.roles import Role

TITLE = "Joining a cluster"
INTRODUCTION = "Proxies and nodes find their token and CA pin in SSM by themselves; for an agent, set the token here."

TELEPORT_JOIN_METHOD = Variable(
    "TELEPORT_JOIN_METHOD",
    kinds.choice("token", "iam", "ec2"),
    EVERY_ROLE,
    "How this instance proves to the auth server that it may join. On an auth server, `iam` lets instances with "
    "its own IAM role join.",
    default="token",
    since="0.1",
)
TELEPORT_JOIN_TOKEN_NAME = Variable(
    "TELEPORT_JOIN_TOKEN_NAME",
    kinds.WORD,
    EVERY_ROLE,
    "Name of the token resource on the auth server that allows the join; it is not secret.",
    required=(
        Required(
            "for proxy, node and agent with the join methods `iam` and `ec2`",
            lambda deployment: deployment.role.joins and deployment.join_method != "token",
            "TELEPORT_JOIN_METHOD={join_method} joins with the token resource of that name",
            asked_by="TELEPORT_JOIN_METHOD",
        ),
    ),
    since="0.1",
)
TELEPORT_JOIN_TOKEN = Variable(
    "TELEPORT_JOIN_TOKEN",
    kinds.SECRET,
    (Role.AGENT,),
    "The join token itself. It is written to the token file, never into teleport.yaml; the conf is made readable "
    "by root alone. User-data stays readable through the metadata service: prefer a short-lived token, or `iam`.",
    required=(
        Required(
            "for an agent with the join method `token`",
            lambda deployment: deployment.role is Role.AGENT and deployment.join_method == "token",
            "an agent joins with it",
            "add TELEPORT_JOIN_TOKEN=…, or TELEPORT_JOIN_METHOD=iam with TELEPORT_JOIN_TOKEN_NAME=…",
        ),
    ),
    secret=True,
)

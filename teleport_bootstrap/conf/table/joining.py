"""How the instance joins its cluster."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import EVERY_ROLE, Required, Variable
from teleport_bootstrap.roles import Role

TITLE = "Joining a cluster"
INTRODUCTION = "Proxies and nodes find their token and CA pin in SSM by themselves; an agent is given its token here."

TELEPORT_JOIN_METHOD = Variable(
    name="TELEPORT_JOIN_METHOD",
    kind=kinds.choice("token", "iam", "ec2"),
    roles=EVERY_ROLE,
    default="token",
    help="How this instance proves to the auth server that it may join. On an auth server, `iam` lets instances with "
    "its own IAM role join.",
    since="0.1",
)
TELEPORT_JOIN_TOKEN_NAME = Variable(
    name="TELEPORT_JOIN_TOKEN_NAME",
    kind=kinds.WORD,
    roles=EVERY_ROLE,
    required=(
        Required(
            "for proxy, node and agent with the join methods `iam` and `ec2`",
            lambda deployment: deployment.role.joins and deployment.join_method != "token",
            "TELEPORT_JOIN_METHOD={join_method} joins with the token resource of that name",
            asked_by="TELEPORT_JOIN_METHOD",
        ),
    ),
    help="Name of the token resource on the auth server that allows the join; it is no secret.",
    since="0.1",
)
TELEPORT_JOIN_TOKEN = Variable(
    name="TELEPORT_JOIN_TOKEN",
    kind=kinds.SECRET,
    roles=(Role.AGENT,),
    required=(
        Required(
            "for an agent with the join method `token`",
            lambda deployment: deployment.role is Role.AGENT and deployment.join_method == "token",
            "an agent joins with it",
            "add TELEPORT_JOIN_TOKEN=…, or TELEPORT_JOIN_METHOD=iam with TELEPORT_JOIN_TOKEN_NAME=…",
        ),
    ),
    help="The join token itself. It is written to the token file, never into teleport.yaml; the conf is made readable "
    "by root alone. User-data stays readable through the metadata service: prefer a short-lived token, or `iam`.",
    secret=True,
)

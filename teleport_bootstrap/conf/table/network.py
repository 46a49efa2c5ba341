"""Names, ports and load balancers."""

from __future__ import annotations

from teleport_bootstrap import port_table
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.table import needs
from teleport_bootstrap.conf.variable import Default, Elsewhere, From, Required, Variable
from teleport_bootstrap.roles import Role

TITLE = "Names, ports and load balancers"
INTRODUCTION = "Names are written alone: no `https://`, no path, no dot at the end."

TELEPORT_DOMAIN_NAME = Variable(
    name="TELEPORT_DOMAIN_NAME",
    kind=kinds.DNS_NAME,
    roles=(Role.ALL, Role.AUTH, Role.PROXY),
    required=(
        needs.of_role(Role.PROXY),
        *needs.of_letsencrypt(),
        Required(
            "for an all-in-one with ACM",
            lambda deployment: deployment.role is Role.ALL and deployment.acm,
            "USE_ACM is true",
            "add TELEPORT_DOMAIN_NAME=… with the name on the certificate",
        ),
    ),
    help="The domain under which people reach the cluster. It is also the WebAuthn `rp_id`, so after a change "
    "everyone has to register their security keys again.",
)
TELEPORT_EXTERNAL_HOSTNAME = Variable(
    name="TELEPORT_EXTERNAL_HOSTNAME",
    kind=kinds.DNS_NAME_OR_ADDRESS,
    roles=(Role.ALL,),
    default=From(("TELEPORT_DOMAIN_NAME", "public-ipv4", "local-ipv4")),
    help="Where people reach the proxy. It must be the domain or lie under it.",
)
TELEPORT_EXTERNAL_PORT = Variable(
    name="TELEPORT_EXTERNAL_PORT",
    kind=kinds.PORT,
    roles=(Role.ALL,),
    default=Default(
        f"{port_table.HTTPS} with TLS routing or ACM, otherwise {port_table.WEB}",
        lambda deployment: port_table.HTTPS if deployment.tls_routing or deployment.acm else port_table.WEB,
    ),
    help="The port under which people reach the proxy.",
)
TELEPORT_WEB_LISTEN_PORT = Variable(
    name="TELEPORT_WEB_LISTEN_PORT",
    kind=kinds.PORT,
    roles=(Role.ALL, Role.PROXY),
    default=Default(
        f"{port_table.HTTPS} for an all-in-one with TLS routing, otherwise {port_table.WEB}",
        lambda deployment: (
            port_table.HTTPS if deployment.tls_routing and deployment.role is Role.ALL else port_table.WEB
        ),
    ),
    help="The port on which the proxy itself listens for the web.",
    since="0.1",
)
TELEPORT_AUTH_SERVER_LB = Variable(
    name="TELEPORT_AUTH_SERVER_LB",
    kind=kinds.DNS_NAME,
    roles=(Role.ALL, Role.AUTH, Role.PROXY, Role.NODE),
    required=(needs.of_role(Role.AUTH, Role.PROXY, Role.NODE),),
    help=f"Name of the load balancer in front of the auth servers, which listens on port {port_table.AUTH}. For an "
    "all-in-one it becomes the auth server's public address, unless it is `localhost`.",
)
TELEPORT_PROXY_SERVER_LB = Variable(
    name="TELEPORT_PROXY_SERVER_LB",
    kind=kinds.HOST_PORT,
    roles=(Role.ALL, Role.PROXY, Role.AGENT),
    required=(needs.of_role(Role.AGENT),),
    help="Name of the network load balancer in front of the proxies. An agent joins there, on "
    f"port {port_table.HTTPS} unless "
    "one is given.",
)
TELEPORT_PROXY_SERVER_NLB_ALIAS = Variable(
    name="TELEPORT_PROXY_SERVER_NLB_ALIAS",
    kind=kinds.DNS_NAME,
    roles=(Role.ALL, Role.PROXY),
    default=From(("TELEPORT_PROXY_SERVER_LB",), change=lambda address: address.host),
    help="A friendlier name of the proxies' network load balancer, shown instead of its own.",
)
USE_TLS_ROUTING = Variable(
    name="USE_TLS_ROUTING",
    kind=kinds.BOOLEAN,
    roles=(Role.ALL, Role.AUTH, Role.PROXY),
    default=False,
    help="Serve every protocol on the web port.",
)
PROXY_MULTIPLEXING = Variable(
    name="PROXY_MULTIPLEXING",
    kind=kinds.choice("separate", "multiplex"),
    roles=(Role.ALL, Role.AUTH),
    default=Elsewhere("what `USE_TLS_ROUTING` says"),
    help="The older way to set `proxy_listener_mode`; it counts only where `USE_TLS_ROUTING` is not set.",
)
TELEPORT_ENABLE_MYSQL = Variable(
    name="TELEPORT_ENABLE_MYSQL",
    kind=kinds.BOOLEAN,
    roles=(Role.ALL, Role.PROXY),
    default=False,
    help=f"Listen for MySQL clients on port {port_table.MYSQL}. TLS routing needs no such listener.",
)
TELEPORT_ENABLE_POSTGRES = Variable(
    name="TELEPORT_ENABLE_POSTGRES",
    kind=kinds.BOOLEAN,
    roles=(Role.ALL, Role.PROXY),
    default=False,
    help=f"Listen for PostgreSQL clients on port {port_table.POSTGRES}. TLS routing needs no such listener.",
)
TELEPORT_ENABLE_MONGODB = Variable(
    name="TELEPORT_ENABLE_MONGODB",
    kind=kinds.BOOLEAN,
    roles=(Role.ALL, Role.PROXY),
    default=False,
    help=f"Listen for MongoDB clients on port {port_table.MONGODB}. MongoDB needs TLS at the proxy, so "
    "this does not go together with a plain-HTTP target.",
)

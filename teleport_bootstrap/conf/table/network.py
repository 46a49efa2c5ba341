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
    "TELEPORT_DOMAIN_NAME",
    kinds.DNS_NAME,
    (Role.ALL, Role.AUTH, Role.PROXY),
    "The domain under which people reach the cluster. It is also the WebAuthn `rp_id`, so after a change "
    "everyone has to register their security keys again.",
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
)
TELEPORT_EXTERNAL_HOSTNAME = Variable(
    "TELEPORT_EXTERNAL_HOSTNAME",
    kinds.DNS_NAME_OR_ADDRESS,
    (Role.ALL,),
    "Where people reach the proxy. It must be the domain or lie under it.",
    default=From(("TELEPORT_DOMAIN_NAME", "public-ipv4", "local-ipv4")),
)
TELEPORT_EXTERNAL_PORT = Variable(
    "TELEPORT_EXTERNAL_PORT",
    kinds.PORT,
    (Role.ALL,),
    "The port under which people reach the proxy.",
    default=Default(
        f"{port_table.HTTPS} with TLS routing or ACM, otherwise {port_table.WEB}",
        lambda deployment: port_table.HTTPS if deployment.tls_routing or deployment.acm else port_table.WEB,
    ),
)
TELEPORT_WEB_LISTEN_PORT = Variable(
    "TELEPORT_WEB_LISTEN_PORT",
    kinds.PORT,
    (Role.ALL, Role.PROXY),
    "The port on which the proxy itself listens for the web.",
    default=Default(
        f"{port_table.HTTPS} for an all-in-one with TLS routing, otherwise {port_table.WEB}",
        lambda deployment: (
            port_table.HTTPS if deployment.tls_routing and deployment.role is Role.ALL else port_table.WEB
        ),
    ),
    since="0.1",
)
TELEPORT_AUTH_SERVER_LB = Variable(
    "TELEPORT_AUTH_SERVER_LB",
    kinds.DNS_NAME,
    (Role.ALL, Role.AUTH, Role.PROXY, Role.NODE),
    f"Name of the load balancer in front of the auth servers, which listens on port {port_table.AUTH}. For an "
    "all-in-one it becomes the auth server's public address, unless it is `localhost`.",
    required=(needs.of_role(Role.AUTH, Role.PROXY, Role.NODE),),
)
TELEPORT_PROXY_SERVER_LB = Variable(
    "TELEPORT_PROXY_SERVER_LB",
    kinds.HOST_PORT,
    (Role.ALL, Role.PROXY, Role.AGENT),
    "Name of the network load balancer in front of the proxies. An agent joins there, on "
    f"port {port_table.HTTPS} unless "
    "one is given.",
    required=(needs.of_role(Role.AGENT),),
)
TELEPORT_PROXY_SERVER_NLB_ALIAS = Variable(
    "TELEPORT_PROXY_SERVER_NLB_ALIAS",
    kinds.DNS_NAME,
    (Role.ALL, Role.PROXY),
    "A friendlier name of the proxies' network load balancer, shown instead of its own.",
    default=From(("TELEPORT_PROXY_SERVER_LB",), change=lambda address: address.host),
)
USE_TLS_ROUTING = Variable(
    "USE_TLS_ROUTING",
    kinds.BOOLEAN,
    (Role.ALL, Role.AUTH, Role.PROXY),
    "Serve every protocol on the web port.",
    default=False,
)
PROXY_MULTIPLEXING = Variable(
    "PROXY_MULTIPLEXING",
    kinds.choice("separate", "multiplex"),
    (Role.ALL, Role.AUTH),
    "The older way to set `proxy_listener_mode`; it counts only where `USE_TLS_ROUTING` is not set.",
    default=Elsewhere("what `USE_TLS_ROUTING` says"),
)
TELEPORT_ENABLE_MYSQL = Variable(
    "TELEPORT_ENABLE_MYSQL",
    kinds.BOOLEAN,
    (Role.ALL, Role.PROXY),
    f"Listen for MySQL clients on port {port_table.MYSQL}. TLS routing needs no such listener.",
    default=False,
)
TELEPORT_ENABLE_POSTGRES = Variable(
    "TELEPORT_ENABLE_POSTGRES",
    kinds.BOOLEAN,
    (Role.ALL, Role.PROXY),
    f"Listen for PostgreSQL clients on port {port_table.POSTGRES}. TLS routing needs no such listener.",
    default=False,
)
TELEPORT_ENABLE_MONGODB = Variable(
    "TELEPORT_ENABLE_MONGODB",
    kinds.BOOLEAN,
    (Role.ALL, Role.PROXY),
    f"Listen for MongoDB clients on port {port_table.MONGODB}. MongoDB needs TLS at the proxy, so "
    "this does not go together with a plain-HTTP target.",
    default=False,
)

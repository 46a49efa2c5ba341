"""Names, ports, load balancers and certificates."""

from __future__ import annotations

from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.variable import AGENT, ALL_IN_ONE, AUTH, NODE, PROXY, Group, Variable

TELEPORT_DOMAIN_NAME = Variable(
    name="TELEPORT_DOMAIN_NAME",
    kind=kinds.DNS_NAME,
    roles=(ALL_IN_ONE, AUTH, PROXY),
    required="for a proxy, with Let's Encrypt and with ACM",
    help="The domain under which people reach the cluster. It is also the WebAuthn `rp_id`, so it cannot change "
    "without everyone registering their security keys anew.",
)
TELEPORT_EXTERNAL_HOSTNAME = Variable(
    name="TELEPORT_EXTERNAL_HOSTNAME",
    kind=kinds.DNS_NAME_OR_ADDRESS,
    roles=(ALL_IN_ONE,),
    default="`TELEPORT_DOMAIN_NAME`, else the public IPv4 address, else the private one",
    help="Where people reach the proxy. It must be the domain or lie under it.",
)
TELEPORT_EXTERNAL_PORT = Variable(
    name="TELEPORT_EXTERNAL_PORT",
    kind=kinds.PORT,
    roles=(ALL_IN_ONE,),
    default="3080; 443 with TLS routing or ACM",
    help="The port under which people reach the proxy.",
)
TELEPORT_WEB_LISTEN_PORT = Variable(
    name="TELEPORT_WEB_LISTEN_PORT",
    kind=kinds.PORT,
    roles=(ALL_IN_ONE, PROXY),
    default="3080; 443 for an all-in-one with TLS routing",
    help="The port on which the proxy itself listens for the web.",
    since="0.1",
)
TELEPORT_AUTH_SERVER_LB = Variable(
    name="TELEPORT_AUTH_SERVER_LB",
    kind=kinds.DNS_NAME,
    roles=(ALL_IN_ONE, AUTH, PROXY, NODE),
    required="for auth, proxy and node",
    help="Name of the load balancer in front of the auth servers; it is reached on port 3025. For an all-in-one it "
    "becomes the auth server's public address, unless it is `localhost`.",
)
TELEPORT_PROXY_SERVER_LB = Variable(
    name="TELEPORT_PROXY_SERVER_LB",
    kind=kinds.HOST_PORT,
    roles=(ALL_IN_ONE, PROXY, AGENT),
    required="for an agent",
    help="Name of the network load balancer in front of the proxies. For an agent it is where to join, port 443 unless "
    "one is given.",
)
TELEPORT_PROXY_SERVER_NLB_ALIAS = Variable(
    name="TELEPORT_PROXY_SERVER_NLB_ALIAS",
    kind=kinds.DNS_NAME,
    roles=(ALL_IN_ONE, PROXY),
    default="the load balancer's own name",
    help="A friendlier name of the proxies' network load balancer, shown instead of its own.",
)
USE_TLS_ROUTING = Variable(
    name="USE_TLS_ROUTING",
    kind=kinds.BOOLEAN,
    roles=(ALL_IN_ONE, AUTH, PROXY),
    default="false",
    help="Serve every protocol on the web port.",
)
PROXY_MULTIPLEXING = Variable(
    name="PROXY_MULTIPLEXING",
    kind=kinds.choice("separate", "multiplex"),
    roles=(ALL_IN_ONE, AUTH),
    default="what `USE_TLS_ROUTING` says",
    help="The older way to set `proxy_listener_mode`; it counts only where `USE_TLS_ROUTING` is not set.",
)
TELEPORT_ENABLE_MYSQL = Variable(
    name="TELEPORT_ENABLE_MYSQL",
    kind=kinds.BOOLEAN,
    roles=(ALL_IN_ONE, PROXY),
    default="false",
    help="Listen for MySQL clients on port 3036. TLS routing needs no such listener.",
)
TELEPORT_ENABLE_POSTGRES = Variable(
    name="TELEPORT_ENABLE_POSTGRES",
    kind=kinds.BOOLEAN,
    roles=(ALL_IN_ONE, PROXY),
    default="false",
    help="Listen for PostgreSQL clients on port 5432. TLS routing needs no such listener.",
)
TELEPORT_ENABLE_MONGODB = Variable(
    name="TELEPORT_ENABLE_MONGODB",
    kind=kinds.BOOLEAN,
    roles=(ALL_IN_ONE, PROXY),
    default="false",
    help="Listen for MongoDB clients on port 27017. MongoDB needs TLS at the proxy, so this does not go together "
    "with a plain-HTTP target.",
)

GROUP = Group(
    "Names, ports and load balancers",
    "Names are written alone: no `https://`, no path, no dot at the end.",
    (
        TELEPORT_DOMAIN_NAME,
        TELEPORT_EXTERNAL_HOSTNAME,
        TELEPORT_EXTERNAL_PORT,
        TELEPORT_WEB_LISTEN_PORT,
        TELEPORT_AUTH_SERVER_LB,
        TELEPORT_PROXY_SERVER_LB,
        TELEPORT_PROXY_SERVER_NLB_ALIAS,
        USE_TLS_ROUTING,
        PROXY_MULTIPLEXING,
        TELEPORT_ENABLE_MYSQL,
        TELEPORT_ENABLE_POSTGRES,
        TELEPORT_ENABLE_MONGODB,
    ),
)

USE_ACM = Variable(
    name="USE_ACM",
    kind=kinds.BOOLEAN,
    roles=(ALL_IN_ONE, PROXY),
    default="false",
    help="TLS ends at an application load balancer with a certificate from ACM. Excludes Let's Encrypt.",
)
TELEPORT_ACM_TARGET_PROTOCOL = Variable(
    name="TELEPORT_ACM_TARGET_PROTOCOL",
    kind=kinds.choice("http", "https"),
    roles=(ALL_IN_ONE, PROXY),
    default="`http` where `TELEPORT_ROLE` is absent or empty, `https` otherwise",
    help="What the load balancer's target group speaks to port 3080. `http` starts Teleport with `--insecure-no-tls`, "
    "and does not go together with TLS routing.",
    since="0.1",
)
USE_LETSENCRYPT = Variable(
    name="USE_LETSENCRYPT",
    kind=kinds.BOOLEAN,
    roles=(ALL_IN_ONE, AUTH, PROXY),
    default="true for auth, and for proxy without ACM; false for all-in-one",
    help="Certificates come from Let's Encrypt, through certbot and Route 53.",
)
TELEPORT_DOMAIN_ADMIN_EMAIL = Variable(
    name="TELEPORT_DOMAIN_ADMIN_EMAIL",
    kind=kinds.EMAIL,
    roles=(ALL_IN_ONE, AUTH),
    required="with Let's Encrypt",
    help="Where Let's Encrypt writes to about the certificate.",
)

CERTIFICATES = Group(
    "Certificates",
    "Without ACM and without Let's Encrypt, Teleport signs its own certificate, which browsers do not trust.",
    (USE_ACM, TELEPORT_ACM_TARGET_PROTOCOL, USE_LETSENCRYPT, TELEPORT_DOMAIN_ADMIN_EMAIL),
)

"""Where the certificate of the web port comes from."""

from __future__ import annotations

from teleport_bootstrap import port_table
from teleport_bootstrap.conf import kinds
from teleport_bootstrap.conf.table import needs
from teleport_bootstrap.conf.variable import Default, Variable
from teleport_bootstrap.roles import Role

TITLE = "Certificates"
INTRODUCTION = "Without ACM and without Let's Encrypt, Teleport signs its own certificate, which browsers do not trust."

USE_ACM = Variable(
    name="USE_ACM",
    kind=kinds.BOOLEAN,
    roles=(Role.ALL, Role.PROXY),
    default=False,
    help="TLS ends at an application load balancer with a certificate from ACM. Excludes Let's Encrypt.",
)
TELEPORT_ACM_TARGET_PROTOCOL = Variable(
    name="TELEPORT_ACM_TARGET_PROTOCOL",
    kind=kinds.choice("http", "https"),
    roles=(Role.ALL, Role.PROXY),
    default=Default(
        "`http` if `TELEPORT_ROLE` is not set, otherwise `https`",
        # The guide, which sets no role, points its target group at HTTP; the Terraform set-ups point theirs at HTTPS.
        lambda deployment: "https" if "TELEPORT_ROLE" in deployment.assigned else "http",
    ),
    help=f"What the load balancer's target group speaks to port {port_table.WEB}. `http` starts Teleport "
    "with `--insecure-no-tls`, and does not go together with TLS routing.",
    since="0.1",
)
USE_LETSENCRYPT = Variable(
    name="USE_LETSENCRYPT",
    kind=kinds.BOOLEAN,
    roles=(Role.ALL, Role.AUTH, Role.PROXY),
    default=Default(
        "true for auth and proxy without `USE_ACM`, otherwise false",
        lambda deployment: deployment.role is not Role.ALL and "USE_ACM" not in deployment.enabled,
    ),
    help="Certificates come from Let's Encrypt, through certbot and Route 53.",
)
TELEPORT_DOMAIN_ADMIN_EMAIL = Variable(
    name="TELEPORT_DOMAIN_ADMIN_EMAIL",
    kind=kinds.EMAIL,
    roles=(Role.ALL, Role.AUTH),
    required=needs.of_letsencrypt(lambda deployment: deployment.role.runs_auth),
    help="Where Let's Encrypt writes to about the certificate.",
)

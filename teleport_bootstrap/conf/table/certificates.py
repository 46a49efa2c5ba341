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
    "USE_ACM",
    kinds.BOOLEAN,
    (Role.ALL, Role.PROXY),
    "TLS ends at an application load balancer with a certificate from ACM. Excludes Let's Encrypt.",
    default=False,
)
TELEPORT_ACM_TARGET_PROTOCOL = Variable(
    "TELEPORT_ACM_TARGET_PROTOCOL",
    kinds.choice("http", "https"),
    (Role.ALL, Role.PROXY),
    f"What the load balancer's target group speaks to port {port_table.WEB}. `http` starts Teleport "
    "with `--insecure-no-tls`, and does not go together with TLS routing.",
    default=Default(
        "`http` if `TELEPORT_ROLE` is not set, otherwise `https`",
        # The guide, which sets no role, points its target group at HTTP; the Terraform set-ups point theirs at HTTPS.
        lambda deployment: "https" if "TELEPORT_ROLE" in deployment.assigned else "http",
    ),
    since="0.1",
)
USE_LETSENCRYPT = Variable(
    "USE_LETSENCRYPT",
    kinds.BOOLEAN,
    (Role.ALL, Role.AUTH, Role.PROXY),
    "Certificates come from Let's Encrypt, through certbot and Route 53.",
    default=Default(
        "true for auth and proxy without `USE_ACM`, otherwise false",
        lambda deployment: deployment.role is not Role.ALL and "USE_ACM" not in deployment.enabled,
    ),
)
TELEPORT_DOMAIN_ADMIN_EMAIL = Variable(
    "TELEPORT_DOMAIN_ADMIN_EMAIL",
    kinds.EMAIL,
    (Role.ALL, Role.AUTH),
    "The address for Let's Encrypt's notices about the certificate.",
    required=needs.of_letsencrypt(lambda deployment: deployment.role.runs_auth),
)

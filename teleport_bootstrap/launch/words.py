"""The words of the answers that are chosen among a few."""

from __future__ import annotations

# One instance that is auth server, proxy and node; or groups of each. The templates have these names too.
STARTER, HA = "starter", "ha"
ACM, LETSENCRYPT = "acm", "letsencrypt"
DISK, DYNAMODB = "disk", "dynamodb"
COMMUNITY, ENTERPRISE = "community", "enterprise"
CLOUDFORMATION, TERRAFORM, MANUAL = "cloudformation", "terraform", "manual"
# Single sign-on that Teleport Enterprise alone has; with GitHub, teams of an organization sign in to either edition.
ENTERPRISE_SIGN_IN = ("saml", "oidc")

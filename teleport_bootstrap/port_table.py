"""The TCP ports of Teleport and of the databases it serves: the one table of their numbers."""

from __future__ import annotations

HTTPS = 443

# What Teleport listens on unless its configuration says otherwise.
PEER = 3021
SSH = 3022
PROXY_SSH = 3023
TUNNEL = 3024
AUTH = 3025
KUBERNETES = 3026
MYSQL = 3036
WEB = 3080
METRICS = 3081

# Teleport proposes these two for its own listeners, because the clients of the databases try them first.
POSTGRES = 5432
MONGODB = 27017

# Given to Teleport by its units with --diag-addr, on loopback.
DIAGNOSTICS = 3000

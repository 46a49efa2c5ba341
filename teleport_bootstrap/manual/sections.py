"""The manual's sections on files, environment and units, in Markdown; tests compare them with the code."""

from __future__ import annotations

from teleport_bootstrap import paths, unit_table

# Paths and what is there; related ones together.
FILES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        (paths.CONF,),
        "The configuration of this instance; see `teleport-bootstrap.conf`(5). Only root may own and write to the file "
        "and its directory. Its mode is set to 0600 if it holds a secret.",
    ),
    (
        (f"{paths.OVERRIDES}/*.yaml",),
        "Settings of `teleport.yaml` without a variable in the conf: merged last, in the order of their names, as JSON "
        "Merge Patches.",
    ),
    ((paths.TELEPORT_YAML,), "Teleport's configuration. `generate` does not change an existing one."),
    (
        (f"{paths.CONF_DIRECTORY}/role.*", paths.LETSENCRYPT_MARKER),
        "Markers that the units' conditions check: one for the role, and one if Let's Encrypt is used.",
    ),
    (
        (paths.TELEPORT_DEFAULTS,),
        "Environment variables for Teleport. The operator owns this file; teleport-bootstrap never writes it.",
    ),
    ((paths.DATA,), "Teleport's data directory."),
    ((paths.BACKEND, paths.IDENTITY), "The cluster's state on a disk, and the identity that Teleport gets by joining."),
    ((paths.PID_FILE,), "The process ID of the running Teleport."),
    (
        (paths.TOKEN, paths.CA_PIN, paths.LICENSE),
        "Join token, CA pins and license, from SSM or the conf.",
    ),
    ((paths.CERTIFICATE, paths.PRIVATE_KEY), "The proxy's certificate and key with Let's Encrypt."),
    (
        (paths.STATE,),
        "State of this program, for root only and not to be edited. `status` and `history` show it.",
    ),
    (
        (paths.LETSENCRYPT, paths.LETSENCRYPT_LIVE, paths.LETSENCRYPT_WORK, paths.LETSENCRYPT_LOGS),
        "certbot's configuration and certificates, its working files, and its logs.",
    ),
    (
        (paths.SYSTEMD,),
        "Drop-ins that let Teleport's units wait for a token, a pin or a certificate; others are not changed.",
    ),
    ((paths.JOURNAL,), "The journal, from which `collect-logs` takes the entries of Teleport and of this program."),
    ((paths.BACKUPS,), "The default directory of backups."),
    ((paths.UNIT_ENVIRONMENT,), "Command-line flags of Teleport's units."),
)

ENVIRONMENT: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"),
        "The instance metadata service: a URL, or `IPv4` or `IPv6`. Only version 2 of the service is used.",
    ),
    (("AWS_EC2_METADATA_DISABLED",), "`true` forbids the use of the instance metadata service."),
    (
        ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        "Another endpoint for all AWS services, or for the service in the name; the last variable disables them.",
    ),
    (("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"), "`true` chooses AWS's FIPS or dual-stack endpoints."),
    (("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), "A file of trusted certificate authorities for calls to AWS."),
    (
        ("AWS_CONFIG_FILE", "AWS_PROFILE"),
        "For certbot only, if the hosted zone is in another account: a file with a role to assume. "
        "AWS_DEFAULT_REGION and AWS_SHARED_CREDENTIALS_FILE are set for certbot, so that it finds no keys.",
    ),
)

NOT_READ = (
    "Credentials come from the instance's role alone. Access keys in the environment, `~/.aws`, proxy variables for "
    "the metadata service, and variables of the conf in the environment are not read."
)

UNITS: tuple[tuple[str, str], ...] = (
    (
        ", ".join(unit_table.TELEPORT_SERVICES),
        "Teleport itself; the role decides which one is enabled. All-in-one and agents use the first, or the second "
        "with ACM.",
    ),
    *((f"{unit.service}, {unit.timer}" if unit.has_timer else unit.service, unit.help) for unit in unit_table.TABLE),
)

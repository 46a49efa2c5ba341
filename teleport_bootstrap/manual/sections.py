"""What the manual says of files, environment and units; tests hold it to the code's own names. In Markdown."""

from __future__ import annotations

from teleport_bootstrap import paths, unit_table

# Paths and what is there; related ones together.
FILES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        (paths.CONF,),
        "What this instance should be; see `teleport-bootstrap.conf`(5). Its directory and the file belong to root, "
        "and nobody else may write to them. It gets mode 0600 when it holds a secret.",
    ),
    (
        (f"{paths.OVERRIDES}/*.yaml",),
        "Settings of `teleport.yaml` that the conf does not know: merged last, in the order of their names, as JSON "
        "Merge Patches.",
    ),
    ((paths.TELEPORT_YAML,), "Teleport's configuration. An existing one is left alone by `generate`."),
    (
        (f"{paths.CONF_DIRECTORY}/role.*", paths.LETSENCRYPT_MARKER),
        "Markers that the units look at: exactly one for the role, and one where Let's Encrypt is used.",
    ),
    ((paths.TELEPORT_DEFAULTS,), "Environment for Teleport, yours alone: nothing here ever writes it."),
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
        "State of this program: for root only, and none of it is yours to edit. "
        "`status` and `history` show what is in it.",
    ),
    (
        (paths.LETSENCRYPT, paths.LETSENCRYPT_LIVE, paths.LETSENCRYPT_WORK, paths.LETSENCRYPT_LOGS),
        "certbot's configuration and certificates, its working files, and its logs.",
    ),
    (
        (paths.SYSTEMD,),
        "Drop-ins that let Teleport's units wait for a token, a pin or a certificate; yours are left alone.",
    ),
    ((paths.JOURNAL,), "The journal, from which `collect-logs` takes the entries of Teleport and of this program."),
    ((paths.BACKUPS,), "Backups that were not sent elsewhere."),
    ((paths.UNIT_ENVIRONMENT,), "Flags that Teleport's units start it with."),
)

ENVIRONMENT: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"),
        "Where the instance metadata service is: a URL, or `IPv4` or `IPv6`. Only version 2 of the service is used.",
    ),
    (("AWS_EC2_METADATA_DISABLED",), "`true` forbids asking the instance metadata service."),
    (
        ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        "Another endpoint for all AWS services, or for the one that the name ends with; the last turns them off.",
    ),
    (("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"), "`true` chooses AWS's FIPS or dual-stack endpoints."),
    (("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), "A file of certificates to trust when AWS is called."),
    (
        ("AWS_CONFIG_FILE", "AWS_PROFILE"),
        "For certbot alone, where the hosted zone is in another account: a file with a role to assume. "
        "AWS_DEFAULT_REGION and AWS_SHARED_CREDENTIALS_FILE are set for it, so that it finds no keys.",
    ),
)

NOT_READ = (
    "Credentials come from the instance's role alone. Access keys in the environment, `~/.aws`, proxy variables for "
    "the metadata service, and variables of the conf in the environment are not read."
)

UNITS: tuple[tuple[str, str], ...] = (
    (
        ", ".join(unit_table.TELEPORT_SERVICES),
        "Teleport itself: one is enabled, by the role. All-in-one and agents use the first, with ACM the second.",
    ),
    *((f"{unit.service}, {unit.timer}" if unit.has_timer else unit.service, unit.help) for unit in unit_table.TABLE),
)

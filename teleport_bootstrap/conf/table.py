"""The declarations of the conf's variables; use them through `teleport_bootstrap.conf.variables`.

The name of each constant is the name of the variable. A group precedes its variables, in the order of the manual.
"""

from __future__ import annotations

from teleport_bootstrap import paths, port_table, roles
from teleport_bootstrap.conf import kinds, resource, signal_target
from teleport_bootstrap.conf.deployment import DYNAMODB
from teleport_bootstrap.conf.variable import EVERY_ROLE, Default, Elsewhere, From, Group, Required, Unused, Variable
from teleport_bootstrap.roles import Role

_AGENT = (Role.AGENT,)
_ALL_IN_ONE = (Role.ALL,)
_AUTH = (Role.ALL, Role.AUTH)
_PROXY = (Role.ALL, Role.PROXY)
_JOINING = (Role.PROXY, Role.NODE, Role.AGENT)
_SERVERS = (Role.ALL, Role.AUTH, Role.PROXY)
_SSH = (Role.ALL, Role.NODE, Role.AGENT)

CLUSTER = Group(
    "The instance and its cluster",
    "An instance without any of these is an all-in-one: auth server, proxy and node together.",
)

_NAME_IT = "add TELEPORT_CLUSTER_NAME=… or TELEPORT_DOMAIN_NAME=…"

TELEPORT_ROLE = Variable(
    kinds.ROLE,
    EVERY_ROLE,
    "What this instance does; `auth,node,proxy` is an all-in-one. With `auth,node` and `proxy,node`, an auth server or "
    "a proxy also serves SSH of its own host; Teleport then runs as root and outside a sandbox.",
    default=roles.DEFAULT,
)
TELEPORT_CLUSTER_NAME = Variable(
    kinds.CLUSTER_NAME,
    EVERY_ROLE,
    "Name of the cluster, and the `<cluster>` in SSM parameter names. It cannot change once the cluster exists; "
    "an all-in-one with neither name leaves the choice to Teleport.",
    default=From(("TELEPORT_DOMAIN_NAME",)),
    required=(
        Required(
            "for auth and node, unless `TELEPORT_DOMAIN_NAME` is set",
            lambda deployment: deployment.role in (Role.AUTH, Role.NODE) and deployment.cluster is None,
            "the role {role} needs it to know which cluster it belongs to",
            _NAME_IT,
        ),
        Required(
            "for an all-in-one with a license, unless `TELEPORT_DOMAIN_NAME` is set",
            lambda deployment: (
                deployment.role is Role.ALL
                and "TELEPORT_LICENSE_PATH" in deployment.assigned
                and deployment.cluster is None
            ),
            "the license is read from the SSM parameter /teleport/<cluster name>/license",
            _NAME_IT,
        ),
    ),
)
EC2_REGION = Variable(
    kinds.REGION, EVERY_ROLE, "The region whose SSM, DynamoDB and S3 are used.", default=From(("placement/region",))
)
TELEPORT_NODENAME = Variable(
    kinds.NODE_NAME,
    EVERY_ROLE,
    "Name under which Teleport lists this instance.",
    default=From(("local-hostname",), ", with `-` in place of each `.`", change=lambda name: name.replace(".", "-")),
    since="0.1",
)
TELEPORT_AUTH_TYPE = Variable(
    kinds.choice("local", "github", "saml", "oidc"),
    _AUTH,
    "How people log in.",
    default=Elsewhere("Teleport's own default, `local`"),
    required=(
        Required(
            "for auth and all-in-one on a FIPS image, where `local` is refused",
            lambda deployment: deployment.fips and deployment.role.runs_auth,
            "a FIPS Teleport has no local users",
            "set TELEPORT_AUTH_TYPE to github, saml or oidc",
        ),
    ),
)
TELEPORT_LICENSE_PATH = Variable(
    kinds.FLAG,
    _AUTH,
    "With any value, the license is fetched from the SSM parameter "
    f"`/teleport/<cluster>/license` into `{paths.LICENSE}`. The value itself does not matter. A "
    "community build takes no license: there it has no effect.",
    default=Elsewhere("no license"),
)
TELEPORT_FIPS = Variable(
    kinds.BOOLEAN,
    EVERY_ROLE,
    "Whether the installed Teleport is a FIPS build. From Teleport 19 on, `teleport version` does not tell.",
    default=Elsewhere(
        f"what `teleport version`, the image's marker `{paths.FIPS_MARKER}`, or `fips` in the ExecStart of "
        f"`{paths.SYSTEMD}/{roles.place(Role.ALL, acm=False).unit}` say"
    ),
    since="0.1",
)
TELEPORT_RESTORE_FROM = Variable(
    kinds.BACKUP_PLACE,
    EVERY_ROLE,
    "A backup to restore on this instance's first boot, once: a file, s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ for "
    "the newest one there. The conf in the backup then replaces this one.",
    default=Elsewhere("start empty"),
    since="0.1",
)
TELEPORT_SSM_KMS_KEY_ID = Variable(
    kinds.KMS_KEY,
    _AUTH,
    "KMS key that encrypts what this instance puts into SSM.",
    default=Elsewhere("the account's default key for SSM"),
    since="0.1",
)
DEBUG = Variable(
    kinds.BOOLEAN,
    EVERY_ROLE,
    "Log what teleport-bootstrap does in detail. Teleport's own log is not affected.",
    default=False,
)
TELEPORT_INFLUXDB_ADDRESS = Variable(
    kinds.TEXT,
    EVERY_ROLE,
    "Ignored, because the images no longer include monitoring. Accepted so that old user-data still works.",
)

NETWORK = Group(
    "Names, ports and load balancers", "Names are written alone: no `https://`, no path, no dot at the end."
)

TELEPORT_DOMAIN_NAME = Variable(
    kinds.DNS_NAME,
    _SERVERS,
    "The domain under which people reach the cluster. It is also the WebAuthn `rp_id`, so after a change "
    "everyone has to register their security keys again.",
    required=(
        *Required.by_role(Role.PROXY),
        *Required.for_letsencrypt(),
        Required(
            "for an all-in-one with ACM",
            lambda deployment: deployment.role is Role.ALL and deployment.acm,
            "USE_ACM is true",
            "add TELEPORT_DOMAIN_NAME=… with the name on the certificate",
        ),
    ),
)
TELEPORT_EXTERNAL_HOSTNAME = Variable(
    kinds.DNS_NAME_OR_ADDRESS,
    _ALL_IN_ONE,
    "Where people reach the proxy. It must be the domain or lie under it.",
    default=From(("TELEPORT_DOMAIN_NAME", "public-ipv4", "local-ipv4", "ipv6")),
)
TELEPORT_EXTERNAL_PORT = Variable(
    kinds.PORT,
    _ALL_IN_ONE,
    "The port under which people reach the proxy.",
    default=Default(
        f"`TELEPORT_WEB_LISTEN_PORT` if that is set, without TLS routing and ACM; otherwise {port_table.HTTPS}",
        lambda deployment: (
            (None if deployment.tls_routing or deployment.acm else deployment.web_port) or port_table.HTTPS
        ),
    ),
)
TELEPORT_WEB_LISTEN_PORT = Variable(
    kinds.PORT,
    _PROXY,
    "The port on which the proxy itself listens for the web. Set it to "
    f"{port_table.WEB} if the security groups of an all-in-one still expect that port.",
    default=Default(
        f"{port_table.HTTPS} for an all-in-one, but for one behind ACM without TLS routing; otherwise {port_table.WEB}",
        lambda deployment: (
            port_table.HTTPS
            if deployment.role is Role.ALL and (deployment.tls_routing or not deployment.acm)
            else port_table.WEB
        ),
    ),
    since="0.1",
)
TELEPORT_AUTH_SERVER_LB = Variable(
    kinds.DNS_NAME,
    (Role.ALL, Role.AUTH, Role.PROXY, Role.NODE),
    f"Name of the load balancer in front of the auth servers, which listens on port {port_table.AUTH}. For an "
    "all-in-one it becomes the auth server's public address, unless it is `localhost`.",
    required=(
        *Required.by_role(Role.AUTH, Role.PROXY),
        Required(
            "for node, unless it joins through a proxy",
            lambda deployment: deployment.role is Role.NODE and not deployment.joins_through_proxy,
            "the role {role} needs it",
            "add {name}=…, or TELEPORT_JOIN_THROUGH=proxy with TELEPORT_PROXY_SERVER_LB=…",
        ),
    ),
    unused=(Unused(lambda deployment: deployment.joins_through_proxy, "TELEPORT_JOIN_THROUGH is proxy"),),
)
_BALANCER = "the network load balancer is named only with USE_ACM=true and without TLS routing"

TELEPORT_PROXY_SERVER_LB = Variable(
    kinds.HOST_PORT,
    (Role.ALL, Role.PROXY, Role.NODE, Role.AGENT),
    "Name of the network load balancer in front of the proxies. An agent joins there, and a node with "
    f"`TELEPORT_JOIN_THROUGH=proxy`, on port {port_table.HTTPS} unless one is given.",
    required=(
        *Required.by_role(Role.AGENT),
        Required(
            "for node with `TELEPORT_JOIN_THROUGH=proxy`",
            lambda deployment: deployment.role is Role.NODE and deployment.joins_through_proxy,
            "TELEPORT_JOIN_THROUGH is proxy",
            asked_by="TELEPORT_JOIN_THROUGH",
        ),
    ),
    unused=(
        Unused(
            lambda deployment: deployment.role is Role.NODE and not deployment.joins_through_proxy,
            "TELEPORT_JOIN_THROUGH is not proxy",
        ),
        Unused(lambda deployment: deployment.role is Role.AUTH, "no proxy runs on this instance"),
        Unused(
            lambda deployment: (
                deployment.acm
                and not deployment.tls_routing
                and "TELEPORT_PROXY_SERVER_NLB_ALIAS" in deployment.assigned
            ),
            "TELEPORT_PROXY_SERVER_NLB_ALIAS is shown in its place",
        ),
        Unused(lambda deployment: not deployment.joins_through_proxy, _BALANCER),
    ),
)
TELEPORT_PROXY_SERVER_NLB_ALIAS = Variable(
    kinds.DNS_NAME,
    _PROXY,
    "A friendlier name of the proxies' network load balancer, shown instead of its own.",
    default=From(("TELEPORT_PROXY_SERVER_LB",), change=lambda address: address.host),
    unused=(Unused(lambda deployment: not deployment.acm or deployment.tls_routing, _BALANCER),),
)
USE_TLS_ROUTING = Variable(
    kinds.BOOLEAN,
    _SERVERS,
    "Serve every protocol on the web port. With `TELEPORT_ROLE=auth,node,proxy` and `USE_ACM` it is always on.",
    default=False,
)
PROXY_MULTIPLEXING = Variable(
    kinds.choice("separate", "multiplex"),
    _AUTH,
    "The older way to set `proxy_listener_mode`; it counts only where `USE_TLS_ROUTING` is not set.",
    default=Elsewhere("what `USE_TLS_ROUTING` says"),
    unused=(Unused(lambda deployment: "USE_TLS_ROUTING" in deployment.assigned, "USE_TLS_ROUTING is set"),),
)
TELEPORT_PROXY_PROTOCOL = Variable(
    kinds.choice("on", "off"),
    _SERVERS,
    "Whether load balancers send the PROXY protocol's header: `on` refuses connections without it, `off` those with "
    "it. A proxy behind ACM does not get this setting. Teleport 13.3 and newer.",
    default=Elsewhere("unset: connections with and without the header are accepted, and IP pinning is refused"),
    since="0.1",
)
_WITHOUT_TLS_ROUTING = (
    Unused(lambda deployment: deployment.tls_routing, "TLS routing serves every database on the web port"),
)

TELEPORT_ENABLE_MYSQL = Variable(
    kinds.BOOLEAN,
    _PROXY,
    f"Listen for MySQL clients on port {port_table.MYSQL}. TLS routing needs no such listener.",
    default=False,
    unused=_WITHOUT_TLS_ROUTING,
)
TELEPORT_ENABLE_POSTGRES = Variable(
    kinds.BOOLEAN,
    _PROXY,
    f"Listen for PostgreSQL clients on port {port_table.POSTGRES}. TLS routing needs no such listener.",
    default=False,
    unused=_WITHOUT_TLS_ROUTING,
)
TELEPORT_ENABLE_MONGODB = Variable(
    kinds.BOOLEAN,
    _PROXY,
    f"Listen for MongoDB clients on port {port_table.MONGODB}. MongoDB needs TLS at the proxy, so "
    "this does not go together with a plain-HTTP target.",
    default=False,
    unused=_WITHOUT_TLS_ROUTING,
)

DATABASE_LISTENERS = (TELEPORT_ENABLE_MYSQL, TELEPORT_ENABLE_POSTGRES, TELEPORT_ENABLE_MONGODB)

CERTIFICATES = Group(
    "Certificates",
    "Without ACM and without Let's Encrypt, Teleport signs its own certificate, which browsers do not trust.",
)

USE_ACM = Variable(
    kinds.BOOLEAN,
    _SERVERS,
    "TLS ends at an application load balancer with a certificate from ACM. Excludes Let's Encrypt; with "
    "`TELEPORT_ROLE=auth,node,proxy` it switches Let's Encrypt off.",
    default=False,
    unused=(
        Unused(
            lambda deployment: deployment.role is Role.AUTH and "USE_LETSENCRYPT" in deployment.assigned,
            "an auth server reads it only for the default of USE_LETSENCRYPT, which is set",
        ),
    ),
)
TELEPORT_ACM_TARGET_PROTOCOL = Variable(
    kinds.choice("http", "https"),
    _PROXY,
    "What the load balancer's target group speaks to the web port. `http` starts Teleport "
    "with `--insecure-no-tls`, and does not go together with TLS routing.",
    default=Default(
        "`http` if `TELEPORT_ROLE` is not set, otherwise `https`",
        # The guide, which sets no role, points its target group at HTTP; the Terraform set-ups point theirs at HTTPS.
        lambda deployment: "https" if "TELEPORT_ROLE" in deployment.assigned else "http",
    ),
    since="0.1",
    unused=Unused.without("USE_ACM"),
)
USE_LETSENCRYPT = Variable(
    kinds.BOOLEAN,
    _SERVERS,
    "Certificates come from Let's Encrypt, through certbot and Route 53.",
    default=Default(
        "true for auth and proxy without `USE_ACM`, otherwise false",
        lambda deployment: deployment.role is not Role.ALL and "USE_ACM" not in deployment.enabled,
    ),
)
TELEPORT_DOMAIN_ADMIN_EMAIL = Variable(
    kinds.EMAIL,
    _AUTH,
    "The address for Let's Encrypt's notices about the certificate.",
    required=Required.for_letsencrypt(lambda deployment: deployment.role.runs_auth),
    unused=(Unused(lambda deployment: not deployment.letsencrypt, "Let's Encrypt is not used"),),
)

_ACCESS_MONITORING = frozenset(
    f"TELEPORT_ACCESS_MONITORING_{name}" for name in ("ROLE_ARN", "REPORT_RESULTS", "WORKGROUP")
)


def _access_monitoring_required() -> tuple[Required, ...]:
    return (
        Required(
            "with another variable of access monitoring",
            lambda deployment: deployment.role.runs_auth and not deployment.assigned.isdisjoint(_ACCESS_MONITORING),
            "access monitoring does not work without it",
            "add {name}=…, or remove the TELEPORT_ACCESS_MONITORING variables",
        ),
    )


STORAGE = Group(
    "Storage",
    "An all-in-one with both tables and the bucket keeps its state in DynamoDB and S3, and on its own disk otherwise. "
    "A table without the rest is an error; the bucket alone is fine.",
)

TELEPORT_DYNAMO_TABLE_NAME = Variable(
    kinds.TABLE_NAME, _AUTH, "DynamoDB table of the cluster's state.", required=Required.by_role(Role.AUTH)
)
TELEPORT_DYNAMO_EVENTS_TABLE_NAME = Variable(
    kinds.TABLE_NAME,
    _AUTH,
    "DynamoDB table of the audit events. Not read where Athena alone has them.",
    required=(
        Required(
            "for auth, unless Athena alone has the audit events",
            lambda deployment: deployment.role is Role.AUTH and deployment.event_stores in ((), (DYNAMODB,)),
            "the role {role} needs it",
            "add {name}=…, or TELEPORT_ATHENA_EVENTS_URI=…",
        ),
        Required(
            "for auth and all-in-one, where the audit events go to DynamoDB and Athena",
            lambda deployment: len(deployment.event_stores) > 1,
            "TELEPORT_ATHENA_MIGRATION_MODE asks for both DynamoDB and Athena",
            asked_by="TELEPORT_ATHENA_MIGRATION_MODE",
        ),
    ),
)
TELEPORT_ATHENA_EVENTS_URI = Variable(
    kinds.ATHENA_URI,
    _AUTH,
    "Athena's database and table for the audit events, with Teleport's settings for it: the whole `athena://` URI. "
    "Teleport 14 and newer.",
    required=(
        Required(
            "with access monitoring",
            lambda deployment: deployment.role.runs_auth and not deployment.assigned.isdisjoint(_ACCESS_MONITORING),
            "access monitoring queries the audit events in Athena",
            "add {name}=…, or remove the TELEPORT_ACCESS_MONITORING variables",
        ),
    ),
    since="0.1",
)
TELEPORT_ATHENA_MIGRATION_MODE = Variable(
    kinds.MIGRATION_MODE,
    _AUTH,
    f"Write audit events to DynamoDB and Athena: `{kinds.DYNAMODB_FIRST}` reads them from DynamoDB, "
    f"`{kinds.ATHENA_FIRST}` from Athena. Any other word means Athena alone.",
    default=Elsewhere("Athena alone, where `TELEPORT_ATHENA_EVENTS_URI` is set"),
    since="0.1",
)
TELEPORT_ACCESS_MONITORING_ROLE_ARN = Variable(
    kinds.ROLE_ARN,
    _AUTH,
    "IAM role that Teleport assumes for the queries of access monitoring; it switches access monitoring on.",
    required=_access_monitoring_required(),
    since="0.1",
)
TELEPORT_ACCESS_MONITORING_REPORT_RESULTS = Variable(
    kinds.S3_LOCATION,
    _AUTH,
    "Where the reports of access monitoring are kept.",
    required=_access_monitoring_required(),
    since="0.1",
)
TELEPORT_ACCESS_MONITORING_WORKGROUP = Variable(
    kinds.WORKGROUP,
    _AUTH,
    "Athena workgroup for the queries of access monitoring.",
    default=Elsewhere("Athena's primary workgroup"),
    since="0.1",
)
TELEPORT_S3_BUCKET = Variable(
    kinds.BUCKET,
    _SERVERS,
    "S3 bucket of the session recordings and of Let's Encrypt's certificates.",
    required=Required.by_role(Role.AUTH) + Required.for_letsencrypt(),
    unused=(
        Unused(
            lambda deployment: not deployment.dynamodb and not deployment.letsencrypt,
            "neither DynamoDB nor Let's Encrypt is used",
        ),
    ),
)
TELEPORT_LOCKS_TABLE_NAME = Variable(
    kinds.TABLE_NAME,
    _AUTH,
    "DynamoDB table through which auth servers agree on who renews certificates and tokens.",
    required=Required.by_role(Role.AUTH),
    unused=(
        Unused(
            lambda deployment: deployment.role is Role.ALL and not deployment.letsencrypt,
            "an all-in-one needs it only with Let's Encrypt",
        ),
    ),
)

JOINING = Group(
    "Joining a cluster",
    "Proxies and nodes find their token and CA pin in SSM by themselves; for an agent, set the token or its parameter.",
)

TELEPORT_JOIN_METHOD = Variable(
    kinds.choice("token", "iam", "ec2", "bound_keypair"),
    EVERY_ROLE,
    "How this instance proves to the auth server that it may join. On an auth server, `iam` lets instances with "
    "its own IAM role join. `bound_keypair` takes Teleport 18.7 or newer.",
    default="token",
    since="0.1",
)
TELEPORT_PROXY_NODE_TOKEN = Variable(
    kinds.BOOLEAN,
    _AUTH,
    "Publish a token for hosts with `TELEPORT_ROLE=proxy,node` too, which allows both; each of the others allows one "
    "role.",
    default=False,
    since="0.1",
)
TELEPORT_JOIN_THROUGH = Variable(
    kinds.choice("auth", "proxy"),
    (Role.NODE,),
    "Which way a node reaches its cluster: the auth servers, whose CA pin it then needs, or the proxies, whose "
    "certificate the system must trust; sessions come through a tunnel then. The token is the same.",
    default="auth",
    unused=(Unused(lambda deployment: deployment.with_node, "only a node alone can join through a proxy"),),
    since="0.1",
)
TELEPORT_JOIN_TOKEN_NAME = Variable(
    kinds.WORD,
    EVERY_ROLE,
    "Name of the token resource on the auth server that allows the join; it is not secret.",
    required=(
        Required(
            "for proxy, node and agent with the join methods `iam`, `ec2` and `bound_keypair`",
            lambda deployment: deployment.role.joins and deployment.join_method != "token",
            "TELEPORT_JOIN_METHOD={join_method} joins with the token resource of that name",
            asked_by="TELEPORT_JOIN_METHOD",
        ),
    ),
    since="0.1",
    unused=(Unused(lambda deployment: deployment.join_method == "token", "TELEPORT_JOIN_METHOD is token"),),
)
TELEPORT_IAM_JOIN_ROLES = Variable(
    kinds.IAM_ROLES,
    _AUTH,
    "IAM roles of proxies, nodes and agents that may join by `iam` besides the auth server's own: names of roles of "
    "this account, or ARNs. The auth server keeps a rule for each in its token resource, and leaves other rules there.",
    default=Elsewhere("only the auth server's own role"),
    since="0.1",
    unused=(Unused(lambda deployment: deployment.join_method != "iam", "TELEPORT_JOIN_METHOD is not iam"),),
)
TELEPORT_JOIN_TOKEN = Variable(
    kinds.SECRET,
    _AGENT,
    "The join token itself. It is written to the token file, never into teleport.yaml; the conf is made readable "
    "by root alone. User-data stays readable through the metadata service: prefer a parameter in SSM, or `iam`.",
    required=(
        Required(
            "for an agent with the join method `token`, unless `TELEPORT_JOIN_TOKEN_PARAMETER` is set",
            lambda deployment: (
                deployment.role is Role.AGENT
                and deployment.join_method == "token"
                and "TELEPORT_JOIN_TOKEN_PARAMETER" not in deployment.assigned
            ),
            "an agent joins with it",
            "add TELEPORT_JOIN_TOKEN=…, or TELEPORT_JOIN_TOKEN_PARAMETER=… with the name of an SSM parameter, or "
            "TELEPORT_JOIN_METHOD=iam with TELEPORT_JOIN_TOKEN_NAME=…",
        ),
    ),
    secret=True,
    unused=(Unused(lambda deployment: deployment.join_method != "token", "TELEPORT_JOIN_METHOD is not token"),),
)

TELEPORT_JOIN_TOKEN_PARAMETER = Variable(
    kinds.SSM_PARAMETER,
    _JOINING,
    "SSM parameter of this account that holds the join token, by its name or its ARN. It is fetched into "
    f"`{paths.TOKEN}`; the instance needs `ssm:GetParameters` on it.",
    default=Elsewhere("`/teleport/<cluster>/tokens/<role>` for a proxy or a node; none for an agent"),
    since="0.1",
    unused=(Unused(lambda deployment: deployment.join_method != "token", "TELEPORT_JOIN_METHOD is not token"),),
)
TELEPORT_FETCH_SPREAD_SECONDS = Variable(
    kinds.SECONDS,
    _JOINING,
    "For fleets of which a thousand or more instances start at once: each first asks SSM for its token and pins at a "
    "random moment within so many seconds. Set it to the number of instances divided by 38, or by 95 % of a raised "
    "limit of requests a second.",
    default=Elsewhere("at once, and at growing intervals while SSM answers that there are too many requests"),
    since="0.1",
)
_WITH_KEYPAIR = (
    Unused(lambda deployment: deployment.join_method != "bound_keypair", "TELEPORT_JOIN_METHOD is not bound_keypair"),
)
TELEPORT_REGISTRATION_SECRET_PARAMETER = Variable(
    kinds.SSM_PARAMETER,
    _JOINING,
    "SSM parameter of this account that holds the registration secret for `bound_keypair`, by its name or its ARN. "
    f"It is fetched into `{paths.REGISTRATION_SECRET}`.",
    required=(
        Required(
            "with the join method `bound_keypair`, unless `TELEPORT_REGISTRATION_SECRET_PATH` is set",
            lambda deployment: (
                deployment.role.joins
                and deployment.join_method == "bound_keypair"
                and "TELEPORT_REGISTRATION_SECRET_PATH" not in deployment.assigned
            ),
            "bound_keypair joins with a registration secret",
            "add {name}=… with the name of an SSM parameter, or TELEPORT_REGISTRATION_SECRET_PATH=… with a file",
            asked_by="TELEPORT_JOIN_METHOD",
        ),
    ),
    since="0.1",
    unused=_WITH_KEYPAIR,
)
TELEPORT_REGISTRATION_SECRET_PATH = Variable(
    kinds.FILE_PATH,
    _JOINING,
    "A file on this instance that holds the registration secret for `bound_keypair`; Teleport's account reads it.",
    default=Elsewhere("the file into which the parameter is fetched"),
    since="0.1",
    unused=_WITH_KEYPAIR,
)

SIGNALS = Group(
    "Signals to CloudFormation and Auto Scaling",
    "A stack or an auto scaling group waits until Teleport is healthy on this instance, and a group until its sessions "
    "have ended.",
)

TELEPORT_SIGNAL = Variable(
    signal_target.SIGNAL_TARGET,
    EVERY_ROLE,
    "Who waits until Teleport is healthy here: a stack, by its name or ARN, with the logical id of the resource that "
    "has the `CreationPolicy` or `UpdatePolicy`, or the hook of a group for launches. `cloudformation` or `lifecycle` "
    "alone finds them through the tags of the instance and the hooks of its group.",
    default=Elsewhere("no signal"),
    since="0.1",
)
TELEPORT_SIGNAL_SECONDS = Variable(
    kinds.TIME_TO_BECOME_HEALTHY,
    EVERY_ROLE,
    "If Teleport is not healthy within so many seconds, the signal says failure. Choose less than the timeout of the "
    "policy or of the hook.",
    default=Elsewhere("900"),
    since="0.1",
    unused=(Unused(lambda deployment: "TELEPORT_SIGNAL" not in deployment.assigned, "TELEPORT_SIGNAL is not set"),),
)
TELEPORT_DRAIN_HOOK = Variable(
    signal_target.LIFECYCLE_HOOK,
    EVERY_ROLE,
    "The hook of the auto scaling group for terminations. Before the instance is terminated, it leaves the target "
    "groups of its group, and Teleport takes no new connections and waits for running sessions.",
    default=Elsewhere("sessions end with the instance"),
    since="0.1",
)
TELEPORT_DRAIN_SECONDS = Variable(
    kinds.TIME_TO_STOP,
    EVERY_ROLE,
    "How long sessions may go on before the instance is terminated.",
    default=Elsewhere("600"),
    since="0.1",
    unused=(
        Unused(lambda deployment: "TELEPORT_DRAIN_HOOK" not in deployment.assigned, "TELEPORT_DRAIN_HOOK is not set"),
    ),
)

LABELS = Group(
    "Labels",
    "Labels are written `key: value|key: value`. Blanks around `|` and after `:` do not matter; a pair splits at its "
    "first colon followed by a blank, else at its first colon; quotes around a whole value are removed. A comma before "
    "a key, a colon and a blank separates labels like `|`, with a warning, unless there are quotes. Values are always "
    "strings: `yes`, `0123` and `1.10` stay as written.",
)

# Each label that a command gives, and the command, which Teleport runs every hour. The addresses are read with IMDSv2,
# and the architecture not with `uname -p`, which prints "unknown" on Debian.
COMMAND_LABELS: dict[str, tuple[str, ...]] = {
    "arch": ("uname", "-m"),
    "kernel": ("uname", "-r"),
    "uptime": ("uptime", "-p"),
    "internal": ("teleport-bootstrap", "metadata", "local-ipv4"),
    "external": ("teleport-bootstrap", "metadata", "public-ipv4"),
}

_WITHOUT_SSH = (
    Unused(
        lambda deployment: deployment.role is Role.AGENT and "TELEPORT_AGENT_SSH_ENABLED" not in deployment.enabled,
        "TELEPORT_AGENT_SSH_ENABLED is not true",
    ),
)

TELEPORT_COMMAND_LABELS = Variable(
    kinds.chosen_words(*COMMAND_LABELS),
    _SSH,
    "The labels whose values come from commands, which Teleport runs every hour. Empty means none of them.",
    default=tuple(COMMAND_LABELS),
    since="0.1",
    empty_is_value=True,
    unused=_WITHOUT_SSH,
)
TELEPORT_SSH_LABELS = Variable(kinds.LABELS, _SSH, "Fixed labels of the SSH service.", since="0.1", unused=_WITHOUT_SSH)
TELEPORT_TAG_LABELS = Variable(
    kinds.TAG_KEYS,
    EVERY_ROLE,
    "EC2 tags of the instance that become labels.",
    since="0.1",
    unused=(
        Unused(
            lambda deployment: not deployment.role.has_labels and not deployment.with_node,
            "an instance of this role has no labels",
        ),
    ),
)

AGENT = Group(
    "What an agent gives access to",
    "An agent enables at least one of SSH, database, application and Kubernetes; in any combination. For several "
    "databases, applications or matchers of AWS databases, put a number from 1 to 99 behind `DB`, `APP` or `DB_AWS`: "
    "`TELEPORT_AGENT_DB_2_NAME`, `TELEPORT_AGENT_DB_2_URI` and so on are another database. Where SSH is enabled, a "
    "fault in one of them leaves out that one, with a warning, and keeps the rest.",
)

_DATABASE = Required.by_each(resource.DATABASE)
_DATABASES_OF_AWS = Required.by_each(resource.DATABASES_OF_AWS)
_APPLICATION = Required.by_each(resource.APPLICATION)
_WITHOUT_DATABASE = Unused.without(resource.DATABASE.switch)
_WITHOUT_APPLICATION = Unused.without(resource.APPLICATION.switch)
_WITHOUT_KUBERNETES = Unused.without(resource.KUBERNETES.switch)

TELEPORT_AGENT_SSH_ENABLED = Variable(kinds.BOOLEAN, _AGENT, "Give access to this instance itself.", default=False)
TELEPORT_AGENT_SSH_LABELS = Variable(
    kinds.LABELS, _AGENT, "Fixed labels of this instance's SSH service.", unused=_WITHOUT_SSH
)
TELEPORT_AGENT_DB_ENABLED = Variable(kinds.BOOLEAN, _AGENT, "Give access to a database.", default=False)
TELEPORT_AGENT_DB_NAME = Variable(
    kinds.TEXT,
    _AGENT,
    "Name of the database in Teleport.",
    required=_DATABASE,
    unused=_WITHOUT_DATABASE,
    of=resource.DATABASE,
)
TELEPORT_AGENT_DB_DESCRIPTION = Variable(
    kinds.TEXT, _AGENT, "Description of the database, for people.", unused=_WITHOUT_DATABASE, of=resource.DATABASE
)
TELEPORT_AGENT_DB_PROTOCOL = Variable(
    kinds.WORD,
    _AGENT,
    "What the database speaks, such as `postgres` or `mysql`.",
    required=_DATABASE,
    unused=_WITHOUT_DATABASE,
    of=resource.DATABASE,
)
TELEPORT_AGENT_DB_URI = Variable(
    kinds.TEXT,
    _AGENT,
    "Where the database is, as Teleport takes it: usually `host:port`.",
    required=_DATABASE,
    unused=_WITHOUT_DATABASE,
    of=resource.DATABASE,
)
TELEPORT_AGENT_DB_REGION = Variable(
    kinds.REGION,
    _AGENT,
    "The region of a database that AWS hosts. It counts only where the address is one of AWS's, or where this or the "
    "Redshift cluster is set: Teleport takes every database with a region for one on RDS.",
    default=From(("EC2_REGION",)),
    unused=_WITHOUT_DATABASE,
    of=resource.DATABASE,
)
TELEPORT_AGENT_DB_REDSHIFT_CLUSTER_ID = Variable(
    kinds.WORD, _AGENT, "The cluster identifier of a Redshift database.", unused=_WITHOUT_DATABASE, of=resource.DATABASE
)
TELEPORT_AGENT_DB_LABELS = Variable(
    kinds.LABELS, _AGENT, "Fixed labels of the database.", unused=_WITHOUT_DATABASE, of=resource.DATABASE
)
TELEPORT_AGENT_DB_AWS_TYPES = Variable(
    kinds.chosen_words(
        *("rds", "rdsproxy", "redshift", "redshift-serverless", "elasticache", "memorydb", "opensearch", "docdb")
    ),
    _AGENT,
    "The kinds of AWS databases that the agent finds by itself and gives access to; its IAM role must be able to list "
    "them.",
    required=_DATABASES_OF_AWS,
    unused=_WITHOUT_DATABASE,
    of=resource.DATABASES_OF_AWS,
    since="0.1",
)
TELEPORT_AGENT_DB_AWS_REGIONS = Variable(
    kinds.REGIONS,
    _AGENT,
    "The regions in which it looks for them.",
    default=From(("EC2_REGION",), change=lambda region: (region,)),
    unused=_WITHOUT_DATABASE,
    of=resource.DATABASES_OF_AWS,
    since="0.1",
)
TELEPORT_AGENT_DB_AWS_TAGS = Variable(
    kinds.TAGS,
    _AGENT,
    "The AWS tags that a database must have, `key: value|key: value`; `*` stands for any key or value.",
    default=Default("`*: *`", lambda _: (("*", "*"),)),
    unused=_WITHOUT_DATABASE,
    of=resource.DATABASES_OF_AWS,
    since="0.1",
)
TELEPORT_AGENT_APP_ENABLED = Variable(kinds.BOOLEAN, _AGENT, "Give access to an application.", default=False)
TELEPORT_AGENT_APP_NAME = Variable(
    kinds.TEXT,
    _AGENT,
    "Name of the application in Teleport.",
    required=_APPLICATION,
    unused=_WITHOUT_APPLICATION,
    of=resource.APPLICATION,
)
TELEPORT_AGENT_APP_DESCRIPTION = Variable(
    kinds.TEXT,
    _AGENT,
    "Description of the application, for people.",
    unused=_WITHOUT_APPLICATION,
    of=resource.APPLICATION,
)
TELEPORT_AGENT_APP_URI = Variable(
    kinds.APPLICATION_URI,
    _AGENT,
    "Where the application is, such as `http://127.0.0.1:8080`.",
    required=_APPLICATION,
    unused=_WITHOUT_APPLICATION,
    of=resource.APPLICATION,
)
TELEPORT_AGENT_APP_PUBLIC_ADDR = Variable(
    kinds.DNS_NAME,
    _AGENT,
    "The DNS name under which people reach the application.",
    default=Elsewhere("Teleport's own choice: the application's name under the proxy's domain"),
    unused=_WITHOUT_APPLICATION,
    of=resource.APPLICATION,
)
TELEPORT_AGENT_APP_INSECURE_SKIP_VERIFY = Variable(
    kinds.BOOLEAN,
    _AGENT,
    "Do not check the application's certificate.",
    default=False,
    unused=_WITHOUT_APPLICATION,
    of=resource.APPLICATION,
)
TELEPORT_AGENT_APP_LABELS = Variable(
    kinds.LABELS, _AGENT, "Fixed labels of the application.", unused=_WITHOUT_APPLICATION, of=resource.APPLICATION
)
TELEPORT_AGENT_KUBE_ENABLED = Variable(
    kinds.BOOLEAN, _AGENT, "Give access to the Kubernetes cluster that this instance can reach.", default=False
)
TELEPORT_AGENT_KUBE_CLUSTER_NAME = Variable(
    kinds.KUBERNETES_CLUSTER_NAME,
    _AGENT,
    "Name of the Kubernetes cluster in Teleport.",
    unused=_WITHOUT_KUBERNETES,
    of=resource.KUBERNETES,
)
TELEPORT_AGENT_KUBE_LABELS = Variable(
    kinds.LABELS, _AGENT, "Fixed labels of the Kubernetes cluster.", unused=_WITHOUT_KUBERNETES, of=resource.KUBERNETES
)

# What switches each service of an agent on.
SWITCHES = tuple(f"TELEPORT_AGENT_{service}_ENABLED" for service in ("SSH", "DB", "APP", "KUBE"))

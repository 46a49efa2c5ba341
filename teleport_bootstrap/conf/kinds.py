"""The types of the conf's values: for each a name for the manual, and a function from text to a checked value.

Every function here takes the text of one value and returns what it means, or raises `Unfit` saying what is wrong with
it and what to write instead. None of them ever sees a secret except `secret`, which does not quote it.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import unicodedata

from teleport_bootstrap import escaping, regex, roles
from teleport_bootstrap.conf.variable import Kind
from teleport_bootstrap.records import dataclass
from teleport_bootstrap.secret import Secret


class Unfit(ValueError):
    """A value that is not of its variable's type. `message` continues the variable's name: "is not a port: …"."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def quoted(value: str) -> str:
    """Return `value` for a message: in quotes, at most 80 characters of it, control characters escaped."""
    return f'"{escaping.one_line(value, 80)}"'


def boolean(value: str) -> bool:
    """Return whether `value` says yes: true, yes, 1 or false, no, 0 in any case."""
    if value.lower() not in ("true", "yes", "1", "false", "no", "0"):
        raise Unfit(f"is not true or false: {quoted(value)}", "write true or false (yes, no, 1 and 0 also work)")
    return value.lower() in ("true", "yes", "1")


def port(value: str) -> int:
    """Return a TCP port, 1 to 65535; digits only, because a sign or a space is more likely a slip than meant."""
    if re.fullmatch("[0-9]{1,9}", value) is None or not 1 <= int(value) <= 65535:
        raise Unfit(f"is not a port: {quoted(value)}", "write a whole number from 1 to 65535")
    return int(value)


def seconds(value: str) -> float:
    """Return a number of seconds, up to an hour."""
    if re.fullmatch("[0-9]{1,4}", value, re.ASCII) is None or int(value) > 3600:
        raise Unfit(f"is not a number of seconds up to 3600: {quoted(value)}", "write it like 300")
    return float(int(value))


def some_seconds(why: str) -> Kind[float]:
    """Return the type of a number of seconds from 1 to 3600; `why` says what 0 would do."""

    def more_than_none(value: str) -> float:
        found = seconds(value)
        if not found:
            raise Unfit(f"is 0: {why}", "write a number of seconds from 1 to 3600")
        return found

    return Kind("number of seconds from 1 to 3600", more_than_none)


def choice(*words: str) -> Kind[str]:
    """Return the type of a value that is exactly one of `words`, as written."""

    def one_of(value: str) -> str:
        if value in words:
            return value
        near = [word for word in words if word.lower() == value.strip().lower()]
        near = near or difflib.get_close_matches(value.lower(), words, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise Unfit(f"cannot be {quoted(value)}", f"{hint}write one of: {' '.join(words)}")

    return Kind(" or ".join(f"`{word}`" for word in words), one_of)


def role(value: str) -> str:
    """Return the role as written: one of the words of `roles.BY_CONF_VALUE`."""
    if value == "monitor":
        raise Unfit(
            'cannot be "monitor": that role was removed upstream',
            "write auth, proxy, node or agent, or leave TELEPORT_ROLE out for all-in-one; monitor Teleport through "
            "its metrics endpoint instead",
        )
    parts = sorted(part.strip() for part in value.split(","))
    right = next((word for word in roles.BY_CONF_VALUE if sorted(word.split(",")) == parts), value)
    if right != value and len(parts) > 1:
        raise Unfit(f"cannot be {quoted(value)}", f"write {right} in this order and without spaces")
    if value.lower() in ("all", "all-in-one"):
        raise Unfit(f"cannot be {quoted(value)}", "leave TELEPORT_ROLE out, or empty, for all-in-one")
    return choice(*roles.BY_CONF_VALUE).parse(value)


def text(value: str) -> str:
    """Return one line of text: anything but control characters and characters that end a line."""
    if "\n" in value:
        raise Unfit(f"holds more than one line: {quoted(value)}", "look for a missing closing quote")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        raise Unfit(f"holds a control character: {quoted(value)}", "remove it")
    return value


def is_text(value: str) -> bool:
    """Whether `value` is one line without control characters."""
    try:
        text(value)
    except Unfit:
        return False
    return True


def word(value: str) -> str:
    """Return text without any blanks."""
    if any(character.isspace() for character in text(value)):
        raise Unfit(f"holds a blank: {quoted(value)}", "write it without blanks")
    return value


def matching(name: str, pattern: str, what: str, hint: str) -> Kind[str]:
    """Return the type of text that matches the whole of `pattern`; other text "is not `what`"."""

    def match(value: str) -> str:
        if re.fullmatch(pattern, value, re.ASCII) is None:
            raise Unfit(f"is not {what}: {quoted(value)}", hint)
        return value

    return Kind(name, match)


# What `aws … --output text` and `jq -r` print where there is no value.
NOTHING = ("None", "null")


def secret(value: str) -> Secret:
    """Return a token or password; one word, never quoted in an error."""
    if value in NOTHING:
        raise Unfit(
            "is a word that `aws --output text` or `jq -r` prints where there is no value",
            "check the command that was to find the value, and write the value itself",
        )
    if any(character.isspace() or not character.isprintable() for character in value):
        raise Unfit(
            "holds a blank, a line break or a control character, which a token cannot have (value not quoted)",
            "look for a stray blank or a missing closing quote",
        )
    return Secret(value)


def is_address(value: str) -> bool:
    """Whether `value` is an IPv4 or IPv6 address."""
    if ":" not in value and not value[:1].isdigit():
        return False  # as most values, which need not wait for the module
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


# What a DNS name must not contain, what the value is then, and what to write instead; the first that is found counts.
# Labels are 1 to 63 letters, digits and hyphens (RFC 1123), 253 characters in all, and the last label is not a number:
# resolvers would take such a name for an address.
_NOT_IN_A_DNS_NAME = (
    ("://", "a URL, not a DNS name", "write the name alone, without https:// and path"),
    ("/", "not a DNS name", "write the name alone, without a path"),
    ("@", "not a DNS name", "write the name alone, without a user"),
    (r"\A[^:]+:[0-9]*\Z", "a name with a port, not a DNS name", "write the name alone, without the port"),
    (r"\.\Z", "not a DNS name", "leave out the dot at the end"),
    ("(?s:.){254}", "not a DNS name", "a DNS name has at most 253 characters"),
    ("_", "not a DNS name", "a host name has no underscore"),
    (r"\A\*\.", "not a DNS name", "write the name without the wildcard"),
    (r"\s", "not a DNS name", "a DNS name has no blank"),
    (r"\.\.|\A\.", "not a DNS name", "nothing stands between two dots, or before the first"),
    (
        r"(\A|\.)(?![A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.|\Z))",
        "not a DNS name",
        "each part is letters, digits and hyphens, and begins and ends with a letter or digit",
    ),
    (r"[^.]{64}", "not a DNS name", "each part between dots has at most 63 characters"),
    (r"(\A|\.)[0-9]+\Z", "not a DNS name", "the last part cannot be a number"),
)


def dns_name(value: str) -> str:
    """Return a DNS name without scheme, port, path or trailing dot."""
    if is_address(value):
        raise Unfit(f"is an IP address, not a DNS name: {quoted(value)}", "write the name that points to it")
    for pattern, what, hint in _NOT_IN_A_DNS_NAME:
        if re.search(pattern, value):
            raise Unfit(f"is {what}: {quoted(value)}", hint)
    return value


def dns_name_or_address(value: str) -> str:
    """Return a DNS name, or an IPv4 or IPv6 address written the canonical way."""
    if value.startswith("[") and value.endswith("]") and is_address(value[1:-1]):
        raise Unfit(f"is an address in brackets: {quoted(value)}", "write it without the brackets")
    if not is_address(value):
        if re.fullmatch("[0-9.]+", value):
            raise Unfit(f"is not an IP address: {quoted(value)}", "write four numbers from 0 to 255, like 192.0.2.10")
        return dns_name(value)
    canonical = str(ipaddress.ip_address(value))
    if canonical != value:
        raise Unfit(f"is an address written in an unusual way: {quoted(value)}", f"write {canonical}")
    return value


@dataclass(frozen=True)
class HostPort:
    """A DNS name or an address, and the port if one was written."""

    host: str
    port: int | None


def host_port(value: str) -> HostPort:
    """Return a DNS name with an optional port after a colon."""
    host, colon, number = value.rpartition(":")
    if not colon or "://" in value or "/" in value:
        return HostPort(dns_name(value), None)
    return HostPort(dns_name(host), port(number))


def email(value: str) -> str:
    """Return an e-mail address; only its shape is checked, since only sending proves more."""
    local, at, domain = value.rpartition("@")
    if not at or re.fullmatch("[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}", local) is None:
        raise Unfit(f"is not an e-mail address: {quoted(value)}", "write it like admin@example.com")
    try:
        dns_name(domain)
    except Unfit as unfit:
        raise Unfit(f"is not an e-mail address: {quoted(value)}", unfit.hint) from None
    return value


def chosen_words(*words: str) -> Kind[tuple[str, ...]]:
    """Return the type of a comma-separated list of some of `words`, in any order, each once."""

    def chosen(value: str) -> tuple[str, ...]:
        if not value.strip(" "):
            return ()
        parts = _list_parts(value)
        for part in parts:
            if part not in words:
                raise Unfit(f"cannot hold {quoted(part)}", f"write some of: {','.join(words)}")
        return parts

    return Kind("some of " + ", ".join(f"`{word}`" for word in words), chosen)


def _list_parts(value: str) -> tuple[str, ...]:
    """Return the parts of a comma-separated list, each once and none empty, blanks around them taken away."""
    parts = tuple(part.strip(" ") for part in value.split(","))
    earlier: set[str] = set()
    for part in parts:
        if not part:
            raise Unfit(f"has an empty place in its list: {quoted(value)}", "remove the extra comma")
        if part in earlier:
            raise Unfit(f"holds {quoted(part)} twice", "write it once")
        earlier.add(part)
    return parts


# What Teleport itself accepts (see IsValidLabelKey in its api/types).
LABEL_KEY = regex.compile("[a-zA-Z/.0-9_:*-]+")


_COMMA_BEFORE_LABEL = regex.compile(r",[ ]*(?=[a-zA-Z/.0-9_:*-]+: )")


def has_comma_between_labels(value: str) -> bool:
    """Whether the text of labels separates some of them by a comma, as people do who know it from elsewhere."""
    return "'" not in value and '"' not in value and _COMMA_BEFORE_LABEL.search(value) is not None


def _label_texts(value: str) -> list[str]:
    return re.split(rf"\||{_COMMA_BEFORE_LABEL.pattern}" if has_comma_between_labels(value) else r"\|", value)


def labels(value: str) -> tuple[tuple[str, str], ...]:
    """Return label pairs from `key: value|key: value`, in order, keys and values exactly as strings.

    A pair splits at its first `: `, else at its first `:`; a value wholly in matching quotes loses them. A comma
    separates like `|` where a key and `: ` follow it, unless the text has quotes.
    """
    pairs: dict[str, str] = {}
    for written in _label_texts(text(value)):
        pair = written.strip(" ")
        if not pair:
            raise Unfit(f"has an empty label: {quoted(value)}", "remove the extra |")
        key, separator, content = pair.partition(": " if ": " in pair else ":")
        if not separator:
            raise Unfit(f"has a label without a value: {quoted(pair)}", "write labels as key: value|key: value")
        if LABEL_KEY.fullmatch(key) is None:
            raise Unfit(
                f"has a label key that Teleport does not accept: {quoted(key)}", "use letters, digits and / . _ : * -"
            )
        if key in pairs:
            raise Unfit(f"has the label {quoted(key)} twice", "write it once")
        content = content.strip(" ")
        is_quoted = len(content) >= 2 and content[0] == content[-1] and content[0] in "'\""
        pairs[key] = content[1:-1] if is_quoted else content
    return tuple(pairs.items())


def application_uri(value: str) -> str:
    """Return the address of an application: it has a scheme, such as http, https or tcp.

    Teleport also starts with `host:port`, of which it takes the host for a scheme, and with a name alone. The old
    images took both, so they are only warned of. With `10.0.0.1:80`, which it cannot parse, Teleport does not start.
    """
    if re.fullmatch("[A-Za-z][A-Za-z0-9+.-]*(://.+|:[0-9]+(/.*)?|(/.*)?)", word(value)) is None:
        raise Unfit(f"is not a URI: {quoted(value)}", "write it with its scheme, like http://127.0.0.1:8080")
    return value


def region(value: str) -> str:
    """Return the name of an AWS region, such as us-east-1 or us-gov-west-1."""
    found = re.fullmatch("([a-z]{2,8}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2})([a-z]?)", value)
    if found is None:
        raise Unfit(f"is not an AWS region: {quoted(value)}", "write it like us-east-1")
    if found[2]:
        raise Unfit(f"is an availability zone, not a region: {quoted(value)}", f"write {found[1]}")
    return value


def tag_keys(value: str) -> tuple[str, ...]:
    """Return EC2 tag keys from a comma-separated list: letters, digits, spaces and `+ - = . _ : / @`, at most 128."""
    parts = _list_parts(value)
    for part in parts:
        if len(part) > 128 or not all(character.isalnum() or character in " +-=._:/@" for character in part):
            raise Unfit(
                f"holds {quoted(part)}, which is not an EC2 tag key",
                "a tag key is at most 128 letters, digits, spaces and + - = . _ : / @; commas separate keys",
            )
    return parts


def regions(value: str) -> tuple[str, ...]:
    """Return a comma-separated list of AWS regions."""
    return tuple(map(region, _list_parts(text(value))))


def tags(value: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of AWS tags from `key: value|key: value`, or `*` alone for any; keys as AWS allows them, or `*`."""
    if value.strip(" ") == "*":
        return (("*", "*"),)
    pairs: dict[str, str] = {}
    for written in text(value).split("|"):
        key, separator, content = written.strip(" ").partition(": " if ": " in written.strip(" ") else ":")
        if not separator:
            raise Unfit(f"has a tag without a value: {quoted(written)}", "write tags as key: value|key: value")
        if key != "*" and len(tag_keys(key)) > 1:
            raise Unfit(f"has a comma in a tag key: {quoted(key)}", "write tags as key: value|key: value")
        if key in pairs:
            raise Unfit(f"has the tag {quoted(key)} twice", "write it once")
        pairs[key] = content.strip(" ")
    return tuple(pairs.items())


def bucket(value: str) -> str:
    """Return the name of an S3 bucket, by AWS's naming rules for general purpose buckets."""
    if value.startswith("s3://"):
        raise Unfit(f"is a URI, not a bucket: {quoted(value)}", "write the bucket's name alone, without s3://")
    if (
        re.fullmatch("[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) is None
        or ".." in value
        or value.startswith(("xn--", "sthree-"))
        or value.endswith(("-s3alias", "--ol-s3"))
        or is_address(value)
    ):
        raise Unfit(
            f"is not the name of an S3 bucket: {quoted(value)}",
            "3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit",
        )
    return value


_S3_LOCATION = "s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?"


def s3_location(value: str) -> str:
    """Return the URI of a place in a bucket, with or without a prefix."""
    if re.fullmatch(_S3_LOCATION, word(value)) is None:
        raise Unfit(f"is not a place in S3: {quoted(value)}", "write it like s3://bucket/prefix")
    return value


def athena_uri(value: str) -> str:
    """Return the URI of an audit log in Athena: its database and table, and settings as a query string."""
    host = re.match("athena://([^/?#]*)", word(value))
    if host is None:
        raise Unfit(f"is not an Athena URI: {quoted(value)}", "write it like athena://database.table?topicArn=…")
    # The limits of AWS Glue for both names; Teleport refuses others while it starts.
    if re.fullmatch("[A-Za-z0-9_]{1,255}[.][A-Za-z0-9_]{1,255}", host[1], re.ASCII) is None:
        raise Unfit(
            f"does not name a database and a table: {quoted(value)}",
            "write athena://database.table, each of letters, digits and underscores",
        )
    return value


# The two modes in which events go to both; with every other word, as in the Terraform files, Athena has them alone.
DYNAMODB_FIRST, ATHENA_FIRST = "dual_dynamo_primary", "dual_athena_primary"


def migration_mode(value: str) -> str:
    """Return one of the two modes that write to both places, or another word, which means Athena alone."""
    modes = (DYNAMODB_FIRST, ATHENA_FIRST)
    if value not in modes and value.strip().lower().startswith("dual"):
        near = difflib.get_close_matches(value.strip().lower(), modes, n=1, cutoff=0)[0]
        raise Unfit(f"cannot be {quoted(value)}", f"did you mean {near}? write one of: {' '.join(modes)}")
    return word(value)


def backup_place(value: str) -> str:
    """Return where a backup is: an absolute path, or s3://bucket/key."""
    if text(value).startswith("s3://"):
        name, slash, key = value[len("s3://") :].partition("/")
        if not slash or not key:
            raise Unfit(f"names no object in the bucket: {quoted(value)}", "write it like s3://bucket/path/backup.tar")
        bucket(name)
        return value
    if not value.startswith("/") or value.strip("/") == "":
        raise Unfit(f"is not a backup's place: {quoted(value)}", "write an absolute path, or s3://bucket/key")
    return value


BOOLEAN = Kind("true or false", boolean)
FLAG = Kind("any text", bool)  # what it says does not matter
PORT = Kind("port", port)
SECONDS = Kind("number of seconds up to 3600", seconds)
TIME_TO_BECOME_HEALTHY = some_seconds("Teleport is never healthy at once, so that every signal would say failure")
# Source: config_parse_service_timeout of systemd, which takes a TimeoutStopSec= of 0 for infinity.
TIME_TO_STOP = some_seconds("systemd would wait for the sessions without a limit")
ROLE = Kind(" or ".join(f"`{word}`" for word in roles.BY_CONF_VALUE), role)
TEXT = Kind("text", text)
WORD = Kind("text without blanks", word)
SECRET = Kind("secret", secret)
REGION = Kind("AWS region", region)
DNS_NAME = Kind("DNS name", dns_name)
DNS_NAME_OR_ADDRESS = Kind("DNS name or IP address", dns_name_or_address)
HOST_PORT = Kind("DNS name, optionally with `:port`", host_port)
EMAIL = Kind("e-mail address", email)
LABELS = Kind("labels", labels)
TAG_KEYS = Kind("comma-separated EC2 tag keys", tag_keys)
REGIONS = Kind("comma-separated AWS regions", regions)
TAGS = Kind("AWS tags", tags)
BUCKET = Kind("S3 bucket name", bucket)
APPLICATION_URI = Kind("URI with its scheme", application_uri)
S3_LOCATION = Kind("`s3://bucket/prefix`", s3_location)
ATHENA_URI = Kind("`athena://database.table?…`", athena_uri)
MIGRATION_MODE = Kind(f"`{DYNAMODB_FIRST}`, `{ATHENA_FIRST}` or another word", migration_mode)
BACKUP_PLACE = Kind("absolute path or `s3://bucket/key`", backup_place)

# It becomes part of SSM parameter names, which take these characters and no others.
CLUSTER_NAME = matching(
    "cluster name",
    "[A-Za-z0-9][A-Za-z0-9._-]{0,254}",
    "a cluster name",
    "write letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
)
TABLE_NAME = matching(
    "DynamoDB table name",
    "[A-Za-z0-9_.-]{3,255}",
    "the name of a DynamoDB table",
    "write 3 to 255 letters, digits, underscores, dots and hyphens",
)
# Teleport replaces node names outside this, so they are refused here.
NODE_NAME = matching(
    "node name",
    "[A-Za-z0-9][A-Za-z0-9.-]{0,255}",
    "a node name",
    "write at most 256 letters, digits, dots and hyphens, beginning with a letter or digit",
)
KUBERNETES_CLUSTER_NAME = matching(
    "Kubernetes cluster name",
    "[A-Za-z0-9._-]{1,253}",
    "a Kubernetes cluster name",
    "write letters, digits, dots, hyphens and underscores",
)
ROLE_ARN = matching(
    "ARN of an IAM role",
    "arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,576}",
    "the ARN of an IAM role",
    "write it like arn:aws:iam::123456789012:role/NAME",
)
WORKGROUP = matching(
    "Athena workgroup",
    "[A-Za-z0-9._-]{1,128}",
    "the name of an Athena workgroup",
    "write letters, digits, dots, hyphens and underscores",
)
SSM_PARAMETER = matching(
    "name or ARN of an SSM parameter",
    "/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*|arn:aws[a-z-]*:ssm:[a-z0-9-]+:[0-9]{12}:parameter(/[A-Za-z0-9_.-]+)+",
    "the name or the ARN of an SSM parameter",
    "write it like /teleport/join-token or arn:aws:ssm:eu-west-1:123456789012:parameter/teleport/join-token",
)
FILE_PATH = matching(
    "absolute path of a file",
    "(/[A-Za-z0-9_.@+~-]+)+",
    "the absolute path of a file",
    "write the whole path, such as /etc/teleport-registration-secret",
)
_ONE_IAM_ROLE = regex.compile(
    r"[A-Za-z0-9+=.@_-]{1,64}|arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=.@_/-]*[A-Za-z0-9+=.@_-]", re.ASCII
)


def iam_roles(value: str) -> tuple[str, ...]:
    """Return names and ARNs of IAM roles from a comma-separated list; a name with a comma needs a rule of its own."""
    parts = _list_parts(value)
    for part in parts:
        if _ONE_IAM_ROLE.fullmatch(part) is None:
            raise Unfit(
                f"holds {quoted(part)}, which is neither the name nor the ARN of an IAM role",
                "write names such as proxy-role, or ARNs such as arn:aws:iam::123456789012:role/NAME; not the name or "
                "the ARN of an instance profile",
            )
    return parts


IAM_ROLES = Kind("comma-separated names or ARNs of IAM roles", iam_roles)
KMS_KEY = matching(
    "KMS key id, `alias/…` or ARN",
    "(mrk-[0-9a-f]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|alias/[A-Za-z0-9/_-]{1,250}"
    "|arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+)",
    "a KMS key",
    "write its id, its alias as alias/name, or its ARN",
)

"""Text in, typed value out, for each type of the conf's values."""

from __future__ import annotations

from typing import Any

import pytest

from teleport_bootstrap.conf import kinds, variables
from teleport_bootstrap.conf.kinds import HostPort, Unfit
from teleport_bootstrap.conf.variable import Variable
from teleport_bootstrap.secret import Secret

LONG_NAME = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])

TAKEN: list[tuple[Variable[Any], str, Any]] = [
    *((variables.USE_ACM, word, True) for word in ("true", "TRUE", "True", "yes", "Yes", "YES", "1")),
    *((variables.USE_ACM, word, False) for word in ("false", "False", "no", "NO", "0")),
    (variables.TELEPORT_EXTERNAL_PORT, "1", 1),
    (variables.TELEPORT_EXTERNAL_PORT, "443", 443),
    (variables.TELEPORT_EXTERNAL_PORT, "0443", 443),
    (variables.TELEPORT_EXTERNAL_PORT, "65535", 65535),
    *((variables.TELEPORT_ROLE, word, word) for word in ("auth,node,proxy", "auth", "proxy", "node", "agent")),
    *(
        (variables.EC2_REGION, name, name)
        for name in ("us-east-1", "us-gov-west-1", "ap-southeast-2", "cn-north-1", "us-isob-east-1", "eusc-de-east-1")
    ),
    *((variables.TELEPORT_CLUSTER_NAME, name, name) for name in ("teleport.example.com", "my_cluster-1", "a")),
    *(
        (variables.TELEPORT_DOMAIN_NAME, name, name)
        for name in ("teleport.example.com", "a", "localhost", "A-b.C", "1.example", "xn--bcher-kva.example", LONG_NAME)
    ),
    (variables.TELEPORT_AUTH_SERVER_LB, "localhost", "localhost"),
    *(
        (variables.TELEPORT_EXTERNAL_HOSTNAME, host, host)
        for host in ("teleport.example.com", "192.0.2.10", "2001:db8::1", "::1")
    ),
    (variables.TELEPORT_PROXY_SERVER_LB, "nlb.example.com", HostPort("nlb.example.com", None)),
    (variables.TELEPORT_PROXY_SERVER_LB, "nlb.example.com:3080", HostPort("nlb.example.com", 3080)),
    (variables.TELEPORT_AUTH_TYPE, "saml", "saml"),
    (variables.PROXY_MULTIPLEXING, "separate", "separate"),
    (variables.TELEPORT_ACM_TARGET_PROTOCOL, "https", "https"),
    (variables.TELEPORT_JOIN_METHOD, "iam", "iam"),
    (variables.TELEPORT_DOMAIN_ADMIN_EMAIL, "admin+x@example.com", "admin+x@example.com"),
    (variables.TELEPORT_DYNAMO_TABLE_NAME, "Teleport_state.1-x", "Teleport_state.1-x"),
    (variables.TELEPORT_S3_BUCKET, "my.bucket-1", "my.bucket-1"),
    *(
        (variables.TELEPORT_LICENSE_PATH, word, True)
        for word in ("true", "/var/lib/teleport/license.pem", "false", " ")
    ),
    (variables.TELEPORT_JOIN_TOKEN, "abc$d", Secret("abc$d")),
    (variables.TELEPORT_COMMAND_LABELS, "arch", ("arch",)),
    (variables.TELEPORT_COMMAND_LABELS, "uptime , arch,kernel", ("uptime", "arch", "kernel")),
    (variables.TELEPORT_COMMAND_LABELS, "", ()),
    (variables.TELEPORT_TAG_LABELS, "Name, cost centre,aws:x/y", ("Name", "cost centre", "aws:x/y")),
    (variables.TELEPORT_SSH_LABELS, "env: prod", (("env", "prod"),)),
    (variables.TELEPORT_SSH_LABELS, "env:prod", (("env", "prod"),)),
    (
        variables.TELEPORT_SSH_LABELS,
        " env:   prod  |team:core|x:   y ",
        (("env", "prod"), ("team", "core"), ("x", "y")),
    ),
    (
        variables.TELEPORT_SSH_LABELS,
        "a: yes|b: 0123|c: 1.10|d: null",
        (("a", "yes"), ("b", "0123"), ("c", "1.10"), ("d", "null")),
    ),
    (variables.TELEPORT_SSH_LABELS, "aws:region: eu-west-1", (("aws:region", "eu-west-1"),)),
    (variables.TELEPORT_SSH_LABELS, "url:http://x:80", (("url", "http://x:80"),)),
    (variables.TELEPORT_SSH_LABELS, "url: http://x:80", (("url", "http://x:80"),)),
    (variables.TELEPORT_SSH_LABELS, "a: 'x: y'|b: \"z\"", (("a", "x: y"), ("b", "z"))),
    (
        variables.TELEPORT_SSH_LABELS,
        "a: 'x\"|b: \"|c: ''|d: x'y'",
        (("a", "'x\""), ("b", '"'), ("c", ""), ("d", "x'y'")),
    ),
    (variables.TELEPORT_SSH_LABELS, "a:", (("a", ""),)),
    (variables.TELEPORT_SSH_LABELS, "*: *", (("*", "*"),)),
    (variables.TELEPORT_SSH_LABELS, "a: b: c", (("a", "b: c"),)),
    (variables.TELEPORT_NODENAME, "ip-10-0-0-1.ec2.internal", "ip-10-0-0-1.ec2.internal"),
    (variables.TELEPORT_NODENAME, "n" * 256, "n" * 256),
    (variables.TELEPORT_AGENT_APP_URI, "http://127.0.0.1:8080/x?y=z", "http://127.0.0.1:8080/x?y=z"),
    (variables.TELEPORT_AGENT_APP_URI, "tcp://localhost:1", "tcp://localhost:1"),
    *((variables.TELEPORT_AGENT_APP_URI, uri, uri) for uri in ("localhost:8080", "wiki.example.com:1/x", "localhost")),
    (variables.TELEPORT_AGENT_APP_URI, "cloud://AWS", "cloud://AWS"),
    (variables.TELEPORT_AGENT_DB_URI, "mongodb+srv://x/?a=b", "mongodb+srv://x/?a=b"),
    (variables.TELEPORT_AGENT_DB_DESCRIPTION, 'Büro: "x" {{ y }} 👩‍👩‍👧', 'Büro: "x" {{ y }} 👩‍👩‍👧'),
    (variables.TELEPORT_AGENT_KUBE_CLUSTER_NAME, "k8s_1.x-y", "k8s_1.x-y"),
    *(
        (variables.TELEPORT_SSM_KMS_KEY_ID, key, key)
        for key in (
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "mrk-1234abcd12ab34cd56ef1234567890ab",
            "alias/teleport",
            "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/x",
        )
    ),
    *((variables.TELEPORT_RESTORE_FROM, place, place) for place in ("/mnt/b.tar", "s3://bucket/a/b.tar")),
    *((variables.TELEPORT_PROXY_PROTOCOL, word, word) for word in ("on", "off")),
    *(
        (variables.TELEPORT_ATHENA_EVENTS_URI, uri, uri)
        for uri in ("athena://db.events", "athena://a_1.b_2/?queueURL=https://sqs.x/y&topicArn=arn:aws:sns:r:1:t")
    ),
    *(
        (variables.TELEPORT_ATHENA_MIGRATION_MODE, word, word)
        for word in ("dual_dynamo_primary", "dual_athena_primary", "none", "athena_only")
    ),
    *(
        (variables.TELEPORT_ACCESS_MONITORING_ROLE_ARN, arn, arn)
        for arn in ("arn:aws:iam::123456789012:role/a", "arn:aws-us-gov:iam::123456789012:role/path/a+b=c,d.e@f_g-h")
    ),
    *((variables.TELEPORT_ACCESS_MONITORING_REPORT_RESULTS, place, place) for place in ("s3://abc", "s3://a.b-c/d/e")),
    (variables.TELEPORT_ACCESS_MONITORING_WORKGROUP, "a.b_c-1", "a.b_c-1"),
]

REFUSED: list[tuple[Variable[Any], str, str]] = [
    *((variables.USE_ACM, word, "true or false") for word in ("on", "y", "ja", " true", "2", "10", "truе", "TRUE\n")),
    *(
        (variables.TELEPORT_EXTERNAL_PORT, word, "1 to 65535")
        for word in (
            "0",
            "65536",
            "+1",
            "-1",
            " 443",
            "443 ",
            "4_43",
            "٤٤٣",
            "0x50",
            "1e3",
            "99999999999999999999",
            "443\n",
            "²",
        )
    ),
    *((variables.TELEPORT_PROXY_PROTOCOL, word, "write one of: on off") for word in ("On", "true", "v2", "on ")),
    *(
        (variables.TELEPORT_ATHENA_EVENTS_URI, uri, "athena://database.table")
        for uri in (
            "dynamodb://events",
            "athena://events",
            "athena://a.b.c",
            "athena://a-b.c",
            "athena://.",
            "athena:a.b",
        )
    ),
    (variables.TELEPORT_ATHENA_EVENTS_URI, "athena://a.b?x=1 y", "without blanks"),
    (variables.TELEPORT_ATHENA_MIGRATION_MODE, "dual_athena", "did you mean dual_athena_primary"),
    (variables.TELEPORT_ATHENA_MIGRATION_MODE, "Dual_Dynamo_Primary", "did you mean dual_dynamo_primary"),
    (variables.TELEPORT_ATHENA_MIGRATION_MODE, "dual", "dual_dynamo_primary dual_athena_primary"),
    *(
        (variables.TELEPORT_ACCESS_MONITORING_ROLE_ARN, arn, "arn:aws:iam::123456789012:role/NAME")
        for arn in (
            "acme",
            "arn:aws:iam::12:role/a",
            "arn:aws:iam::123456789012:user/a",
            "arn:aws:iam::123456789012:role/",
        )
    ),
    *(
        (variables.TELEPORT_ACCESS_MONITORING_REPORT_RESULTS, place, "s3://bucket/prefix")
        for place in ("bucket/x", "s3://", "s3://A/x", "https://bucket.s3.amazonaws.com/x")
    ),
    (variables.TELEPORT_ACCESS_MONITORING_WORKGROUP, "a b", "Athena workgroup"),
    (variables.TELEPORT_ROLE, "monitor", "removed upstream"),
    (variables.TELEPORT_ROLE, "all", "leave TELEPORT_ROLE out"),
    (variables.TELEPORT_ROLE, "Auth", "did you mean auth"),
    (variables.TELEPORT_ROLE, "prox", "did you mean proxy"),
    (variables.TELEPORT_ROLE, "proxy,node,auth", "in this order"),
    (variables.TELEPORT_ROLE, "auth,proxy", "one of"),
    (variables.EC2_REGION, "us-east-1a", "write us-east-1"),
    (variables.EC2_REGION, "Ireland", "us-east-1"),
    (variables.EC2_REGION, "us-east-1\n", "us-east-1"),
    *((variables.TELEPORT_CLUSTER_NAME, name, "cluster name") for name in ("a b", "-a", "a/b", "ü", "a" * 256, "a\n")),
    (variables.TELEPORT_DOMAIN_NAME, "https://teleport.example.com", "without https://"),
    (variables.TELEPORT_DOMAIN_NAME, "teleport.example.com/web", "without a path"),
    (variables.TELEPORT_DOMAIN_NAME, "teleport.example.com:443", "without the port"),
    (variables.TELEPORT_DOMAIN_NAME, "teleport.example.com.", "dot at the end"),
    (variables.TELEPORT_DOMAIN_NAME, "tele_port.example.com", "underscore"),
    (variables.TELEPORT_DOMAIN_NAME, "*.example.com", "wildcard"),
    (variables.TELEPORT_DOMAIN_NAME, "a..b", "between two dots"),
    (variables.TELEPORT_DOMAIN_NAME, ".a", "before the first"),
    (variables.TELEPORT_DOMAIN_NAME, "-a.b", "begins and ends"),
    (variables.TELEPORT_DOMAIN_NAME, "a-.b", "begins and ends"),
    (variables.TELEPORT_DOMAIN_NAME, "a b", "no blank"),
    (variables.TELEPORT_DOMAIN_NAME, "bücher.example", "begins and ends"),
    (variables.TELEPORT_DOMAIN_NAME, "a" * 64 + ".b", "63"),
    (variables.TELEPORT_DOMAIN_NAME, LONG_NAME + "e", "253"),
    (variables.TELEPORT_DOMAIN_NAME, "a.123", "number"),
    (variables.TELEPORT_DOMAIN_NAME, "192.0.2.1", "IP address"),
    (variables.TELEPORT_DOMAIN_NAME, "2001:db8::1", "IP address"),
    (variables.TELEPORT_DOMAIN_NAME, "me@example.com", "without a user"),
    (variables.TELEPORT_DOMAIN_NAME, "a.b\n", "blank"),
    (variables.TELEPORT_EXTERNAL_HOSTNAME, "192.0.2.256", "0 to 255"),
    (variables.TELEPORT_EXTERNAL_HOSTNAME, "192.0.2", "0 to 255"),
    (variables.TELEPORT_EXTERNAL_HOSTNAME, "[2001:db8::1]", "without the brackets"),
    (variables.TELEPORT_EXTERNAL_HOSTNAME, "2001:DB8:0::1", "write 2001:db8::1"),
    (variables.TELEPORT_EXTERNAL_HOSTNAME, "https://x", "without https://"),
    (variables.TELEPORT_PROXY_SERVER_LB, "nlb.example.com:", "port"),
    (variables.TELEPORT_PROXY_SERVER_LB, "nlb.example.com:0", "1 to 65535"),
    (variables.TELEPORT_PROXY_SERVER_LB, ":443", "DNS name"),
    (variables.TELEPORT_PROXY_SERVER_LB, "https://nlb.example.com:443", "without https://"),
    (variables.TELEPORT_PROXY_SERVER_LB, "a:1:2", "port"),
    (variables.TELEPORT_AUTH_TYPE, "SAML", "did you mean saml"),
    (variables.TELEPORT_AUTH_TYPE, "ldap", "local github saml oidc"),
    *(
        (variables.TELEPORT_DOMAIN_ADMIN_EMAIL, address, "e-mail")
        for address in ("admin", "@example.com", "a b@example.com", "a@b@c", "admin@", "admin@exa_mple.com", "a@b.c\n")
    ),
    *((variables.TELEPORT_DYNAMO_TABLE_NAME, name, "DynamoDB") for name in ("ab", "a b c", "a/b/c", "x" * 256)),
    *(
        (variables.TELEPORT_S3_BUCKET, name, "bucket")
        for name in ("ab", "Upper", "under_score", "a..b", "-abc", "abc-", "192.0.2.1", "xn--abc", "s3://abc", "x" * 64)
    ),
    (variables.TELEPORT_COMMAND_LABELS, "arch,arch", "twice"),
    (variables.TELEPORT_COMMAND_LABELS, "arch,os", "arch,kernel,uptime,internal,external"),
    (variables.TELEPORT_COMMAND_LABELS, "arch,,kernel", "comma"),
    (variables.TELEPORT_COMMAND_LABELS, ",", "comma"),
    (variables.TELEPORT_TAG_LABELS, "a,b,a", "twice"),
    (variables.TELEPORT_TAG_LABELS, "a,b;c", "tag key"),
    (variables.TELEPORT_TAG_LABELS, "x" * 129, "128"),
    (variables.TELEPORT_SSH_LABELS, "env: a|env: b", "twice"),
    (variables.TELEPORT_SSH_LABELS, "env", "without a value"),
    (variables.TELEPORT_SSH_LABELS, "env: a|", "empty label"),
    (variables.TELEPORT_SSH_LABELS, "env: a||b: c", "empty label"),
    (variables.TELEPORT_SSH_LABELS, ": a", "label key"),
    (variables.TELEPORT_SSH_LABELS, "a b: c", "label key"),
    (variables.TELEPORT_SSH_LABELS, "env : c", "label key"),
    (variables.TELEPORT_SSH_LABELS, "ü: c", "label key"),
    (variables.TELEPORT_SSH_LABELS, "env: a\nb", "more than one line"),
    *((variables.TELEPORT_NODENAME, name, "node name") for name in ("-a", ".a", "a_b", "n" * 257, "a b", "a\n")),
    *((variables.TELEPORT_AGENT_APP_URI, uri, "URI") for uri in ("10.0.0.1:80", "a_b:80", "http://", "://x")),
    (variables.TELEPORT_AGENT_APP_URI, "http://a b", "blank"),
    *((variables.TELEPORT_AGENT_DB_URI, uri, "control") for uri in ("a\tb", "a\x1bb", "a\x85b", "a\u2028b")),
    (variables.TELEPORT_AGENT_DB_DESCRIPTION, "two\nlines", "more than one line"),
    *((variables.TELEPORT_SSM_KMS_KEY_ID, key, "KMS") for key in ("teleport", "arn:aws:s3:::x", "alias/", "key/x")),
    *((variables.TELEPORT_RESTORE_FROM, place, "place") for place in ("backup.tar", "/", "http://x/y")),
    *((variables.TELEPORT_RESTORE_FROM, place, "bucket") for place in ("s3://bucket", "s3://bucket/", "s3://A/b")),
]


@pytest.mark.parametrize(("variable", "text", "value"), TAKEN)
def test_a_value_of_its_type_is_taken(variable: Variable[Any], text: str, value: object) -> None:
    taken = variable.parse(text)
    assert taken == value
    assert type(taken) is type(value)


@pytest.mark.parametrize(("variable", "text", "told"), REFUSED)
def test_a_value_of_another_type_is_refused_with_what_to_write(variable: Variable[Any], text: str, told: str) -> None:
    with pytest.raises(Unfit) as caught:
        variable.parse(text)
    assert told in f"{caught.value.message} ({caught.value.hint})"
    assert caught.value.hint


@pytest.mark.parametrize("token", ["ses ame", "sesame\n", " sesame", "sesame\t", "ses\x1bame", "sesame\u00a0"])
def test_a_refused_secret_is_not_quoted(token: str) -> None:
    with pytest.raises(Unfit) as caught:
        variables.TELEPORT_JOIN_TOKEN.parse(token)
    assert "ses" not in caught.value.message + caught.value.hint


def test_a_message_shows_a_long_or_odd_value_short_and_printable() -> None:
    with pytest.raises(Unfit) as caught:
        kinds.boolean("\x1b[31m\u200b" + "x" * 100000)
    assert '"\\x1b[31m\\u200bxxx' in caught.value.message
    assert len(caught.value.message) < 150

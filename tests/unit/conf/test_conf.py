"""A conf as a whole: typed values with their lines, all problems at once, warnings, and secrets kept."""

from __future__ import annotations

from typing import Optional

import pytest

from teleport_bootstrap import errors, secret
from teleport_bootstrap.conf import conf_file, variables


def load(text: str) -> conf_file.Conf:
    return conf_file.load(text.encode())


def refused(text: str) -> errors.ConfInvalid:
    with pytest.raises(errors.ConfInvalid) as caught:
        conf_file.load(text.encode(), "conf")
    return caught.value


def warnings(text: str) -> list[tuple[int | None, str]]:
    """Return the warnings, but for that about an all-in-one without a name, which most of these confs are."""
    found = [each for each in load(text).warnings if each.code != "conf-no-name"]
    return [(problem.place.line, f"{problem.message} {problem.remedy}") for problem in found]


def test_values_are_typed_and_know_their_place() -> None:
    read = load('# c\nUSE_ACM="Yes"\n  export TELEPORT_EXTERNAL_PORT=443\n')
    assert read.path == "/etc/teleport.d/conf"
    assert read.value(variables.USE_ACM) is True
    setting = read.setting(variables.TELEPORT_EXTERNAL_PORT)
    assert setting is not None
    assert (setting.variable, setting.value) == (variables.TELEPORT_EXTERNAL_PORT, 443)
    assert (setting.line, setting.column) == (3, 10)
    assert read.line(variables.TELEPORT_EXTERNAL_PORT) == 3


def test_what_is_absent_or_empty_is_not_set() -> None:
    read = load("TELEPORT_ROLE=\nTELEPORT_EXTERNAL_PORT=''\nUSE_ACM=true\nUSE_ACM=\n")
    for variable in (variables.TELEPORT_ROLE, variables.TELEPORT_EXTERNAL_PORT, variables.USE_ACM, variables.DEBUG):
        assert read.setting(variable) is None
        assert read.value(variable) is None
        assert read.line(variable) is None


def test_empty_command_labels_mean_none_of_them() -> None:
    assert load("TELEPORT_COMMAND_LABELS=").value(variables.TELEPORT_COMMAND_LABELS) == ()
    assert load("").value(variables.TELEPORT_COMMAND_LABELS) is None


def test_the_last_assignment_counts_and_the_others_are_not_even_checked() -> None:
    read = load("TELEPORT_EXTERNAL_PORT=nonsense\nTELEPORT_EXTERNAL_PORT=443\n")
    assert read.value(variables.TELEPORT_EXTERNAL_PORT) == 443
    assert read.line(variables.TELEPORT_EXTERNAL_PORT) == 2


def test_an_assignment_that_is_overridden_gives_a_warning_with_both_lines() -> None:
    found = warnings("USE_ACM=true\nMINE=1\nMINE=2\nUSE_ACM=false\n")
    assert len(found) == 1
    assert found[0][0] == 1
    assert "line 1" in found[0][1]
    assert "line 4" in found[0][1]


def test_grammar_and_values_are_reported_together_in_the_order_of_lines() -> None:
    error = refused("USE_ACM=maybe\nA=$(x)\nTELEPORT_EXTERNAL_PORT=x USE_LETSENCRYPT=y\nB=`z`\nTELEPORT_ROLE=monitor\n")
    assert [(problem.code, problem.place.line, problem.place.column) for problem in error.findings] == [
        ("conf-value", 1, 1),
        ("conf-grammar", 2, 3),
        ("conf-value", 3, 1),
        ("conf-value", 3, 26),
        ("conf-grammar", 4, 3),
        ("conf-value", 5, 1),
    ]
    assert error.exit_status == 2
    assert "conf: 6 problems" in error.message
    assert "conf:5:1: TELEPORT_ROLE" in error.message


def test_a_value_made_from_a_refused_one_is_not_judged() -> None:
    assert len(refused("A=$(x)\nUSE_ACM=$A\n").findings) == 1


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TELEPORT_DOMIAN_NAME", "TELEPORT_DOMAIN_NAME"),
        ("TELEPROT_DOMAIN_NAME", "TELEPORT_DOMAIN_NAME"),
        ("TELPORT_DOMAIN_NAME", "TELEPORT_DOMAIN_NAME"),
        ("TELEPORT_NODNAME", "TELEPORT_NODENAME"),
        ("USE_LETS_ENCRYPT", "USE_LETSENCRYPT"),
        ("EC2_REGON", "EC2_REGION"),
        ("use_acm", "USE_ACM"),
        ("TELEPORT_AGENT_DB_2_NMAE", "TELEPORT_AGENT_DB_2_NAME"),
    ],
)
def test_issue_15_row_1_a_mistyped_name_is_an_error_where_the_right_one_is_not_set(name: str, meant: str) -> None:
    found = refused(f"# c\nDEBUG=true\n{meant}=\n{name}=x\n").findings
    assert [(str(each.place), each.subject) for each in found] == [("conf:4:1", name)]
    assert f"did you mean {meant}?" in str(found[0]) and "is not set" in str(found[0])


@pytest.mark.parametrize(
    "text",
    [
        "TELEPORT_DOMIAN_NAME=a.example.com\nTELEPORT_DOMAIN_NAME=b.example.com\n",
        "TELEPORT_S3_BUCKET_NAME=x\nDEBUG=true\n",
    ],
)
def test_issue_15_row_1_beside_the_right_name_or_far_from_it_a_name_gets_a_warning(text: str) -> None:
    found = warnings(text)
    assert len(found) == 1
    assert found[0][0] == 1 and "did you mean TELEPORT_" in found[0][1]


@pytest.mark.parametrize(
    "text",
    [
        "TELEPORT_DOMIAN_NAME=\nDEBUG=true\n",
        "TELEPORT_DOMAINNAME=a.example.com\nTELEPORT_DOMAIN_NAME=$TELEPORT_DOMAINNAME\n",
    ],
)
def test_an_empty_value_and_a_name_that_is_referred_to_stay_accepted(text: str) -> None:
    assert load(text).settings


def test_names_of_ones_own_are_silent_and_ours_without_likeness_are_not_guessed() -> None:
    assert warnings("BASE=example.com\nTELEPORT_DOMAIN_NAME=$BASE\nDEBUG=true\n") == []
    found = warnings("TELEPORT_QQQQ=1\n")
    assert len(found) == 1
    assert "did you mean" not in found[0][1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("DEBUG=true\n", None),
        ("# c\nTELEPORT_ROLE=auth,node,proxy\nUSE_ACM=true\n", 2),
        ("TELEPORT_DOMAIN_NAME=\nTELEPORT_CLUSTER_NAME=\nDEBUG=true\n", None),
    ],
)
def test_issue_15_row_1_an_all_in_one_without_a_name_gets_a_warning_that_says_what_it_costs(
    text: str, line: Optional[int]
) -> None:
    (found,) = load(text).warnings
    assert (found.code, found.place and found.place.line) == ("conf-no-name", line)
    assert "cannot be changed later" in found.message and "TELEPORT_DOMAIN_NAME" in found.remedy


@pytest.mark.parametrize(
    "text", ["TELEPORT_DOMAIN_NAME=a.example.com\n", "TELEPORT_CLUSTER_NAME=c\n", "TELEPORT_ROLE=proxy\n", "MINE=1\n"]
)
def test_other_confs_get_no_warning_about_a_name(text: str) -> None:
    assert load(text).warnings == ()


def test_influxdb_is_accepted_with_a_note() -> None:
    found = warnings("TELEPORT_INFLUXDB_ADDRESS=http://x:8086\n")
    assert "ignored" in found[0][1]
    assert warnings("TELEPORT_INFLUXDB_ADDRESS=\n") == []


def test_a_license_that_looks_refused_gives_a_warning() -> None:
    read = load("TELEPORT_LICENSE_PATH=false\n")
    assert read.value(variables.TELEPORT_LICENSE_PATH) is True
    assert len(warnings("TELEPORT_LICENSE_PATH=false\n")) == 1


def test_a_lost_closing_quote_is_suggested_where_a_value_has_two_lines() -> None:
    problem = refused('USE_ACM="true\nTELEPORT_DOMAIN_NAME=a"\n').findings[0]
    assert "closing quote" in problem.remedy


def test_typographic_quotes_are_recognised() -> None:
    assert "typographic" in refused("USE_ACM=“true”\n").findings[0].remedy


def test_a_secret_is_a_secret_everywhere() -> None:
    text = "TELEPORT_JOIN_TOKEN=sesame\nCOPY=x$TELEPORT_JOIN_TOKEN\nTELEPORT_AGENT_DB_NAME=$COPY\n"
    read = load(text)
    token = read.value(variables.TELEPORT_JOIN_TOKEN)
    assert token is not None
    assert token.reveal() == "sesame"
    assert "sesame" not in repr(read.setting(variables.TELEPORT_JOIN_TOKEN))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("TELEPORT_JOIN_TOKEN=sesame", ["********"]),
        ("TELEPORT_JOIN_TOKEN=sesame\nTELEPORT_JOIN_TOKEN=other", ["********", "********"]),
        ("TELEPORT_JOIN_TOKEN=", [""]),
        ("T=sesame\nTELEPORT_JOIN_TOKEN=$T", ["********", "********"]),
        ("TELEPORT_JOIN_TOKEN=sesame\nB=a${TELEPORT_JOIN_TOKEN}\nC=$B", ["********"] * 3),
        ("TELEPORT_JOIN_TOKEN=sesame\nTELEPORT_JOIN_TOKEN=\nB=x$TELEPORT_JOIN_TOKEN", ["********", "", "********"]),
        ("my_password=sesame\nApiKey=sesame\nSOME_SECRET=x", ["********"] * 3),
        ("TELEPORT_SSM_KMS_KEY_ID=alias/x\nTELEPORT_JOIN_TOKEN_NAME=y", ["alias/x", "y"]),
        ("TELEPORT_CLUSTER_NAME=c\nTELEPORT_JOIN_TOKEN=$TELEPORT_CLUSTER_NAME-x", ["c", "********"]),
        ("B=1\nTELEPORT_JOIN_TOKEN=$B\nB=2\nC=$B", ["********", "********", "2", "2"]),
    ],
)
def test_validate_shows_secrets_masked(text: str, shown: list[str]) -> None:
    inspection = conf_file.inspect(text.encode(), "conf")
    assert secret.MASK == "********"
    assert [value for _, value, _ in inspection.variables] == shown


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("TELEPORT_JOIN_TOKEN=x\n", True),
        ("TELEPORT_JOIN_TOKEN=x\nTELEPORT_JOIN_TOKEN=\n", True),
        ("TELEPORT_JOIN_TOKEN=\n", False),
        ("TELEPORT_JOIN_TOKEN_NAME=x\n", False),
        ("# TELEPORT_JOIN_TOKEN=x\n", False),
        ("", False),
    ],
)
def test_a_conf_knows_whether_it_holds_a_secret(text: str, holds: bool) -> None:
    assert load(text).holds_secret is holds


@pytest.mark.parametrize(
    "text",
    [
        "TELEPORT_JOIN_TOKEN='ses ame'",
        "TELEPORT_JOIN_TOKEN=sesame\nTELEPORT_DOMAIN_NAME=https://$TELEPORT_JOIN_TOKEN",
        "TELEPORT_JOIN_TOKEN=sesame\nX=$TELEPORT_JOIN_TOKEN\nTELEPORT_SSH_LABELS=$X",
        "TELEPORT_JOIN_TOKEN=sesame\nEC2_REGION=$TELEPORT_JOIN_TOKEN",
        "T=sesame\nTELEPORT_JOIN_TOKEN=$T\nTELEPORT_ROLE=$T",
        "DB_PASSWORD=sesame\nTELEPORT_EXTERNAL_PORT=$DB_PASSWORD",
    ],
)
def test_no_value_error_quotes_a_secret(text: str) -> None:
    error = refused(text)
    assert "ses" not in f"{error} {error.hint} {error.findings}"


def test_inspection_lists_every_assignment_with_its_line() -> None:
    inspection = conf_file.inspect(b"A=1\nUSE_ACM=x B='2 3'\nA=4\n", "conf")
    assert [tuple(shown) for shown in inspection.variables] == [
        ("A", "1", 1),
        ("USE_ACM", "x", 2),
        ("B", "2 3", 2),
        ("A", "4", 3),
    ]
    assert [problem.code for problem in inspection.errors] == ["conf-value"]
    assert inspection.conf is None


def test_inspection_lists_nothing_when_the_grammar_refuses_the_file() -> None:
    inspection = conf_file.inspect(b"A=1\nB=$(x)\n", "conf")
    assert list(inspection.variables) == []
    assert inspection.conf is None
    assert [problem.code for problem in inspection.errors] == ["conf-grammar"]


def test_inspection_of_a_good_file_gives_the_conf_and_its_warnings() -> None:
    inspection = conf_file.inspect(b"TELEPORT_DOMAIN_NAME=a.b\nTELEPORT_QQQQ=true\n", "conf")
    assert inspection.errors == ()
    assert inspection.conf is not None
    assert inspection.conf.warnings == inspection.warnings
    assert inspection.conf.path == "conf"
    assert len(inspection.warnings) == 1


def test_a_missing_quote_is_reported_once_and_not_as_a_wrong_value_too() -> None:
    text = 'TELEPORT_DOMAIN_NAME=a.b\nTELEPORT_AUTH_SERVER_LB="nlb.a.b\nTELEPORT_EXTERNAL_PORT=44x\nEC2_REGION="eu"\n'
    found = refused(text).findings
    assert [each.place.column for each in found if each.place is not None and each.place.line == 2] == [25]
    assert "never closed" in found[0].message and not any(each.code == "conf-value" for each in found)
    # A value of several lines without such a fault is still reported.
    assert "look for a missing closing quote" in str(refused('TELEPORT_AUTH_SERVER_LB="a\nb"\n').findings[0])


def test_a_mistyped_name_of_the_domain_is_not_also_a_missing_domain() -> None:
    codes = [each.code for each in conf_file.inspect(b"TELEPORT_DOMIAN_NAME=a.example.com\nDEBUG=true\n").warnings]
    assert "conf-no-name" not in codes
    assert "conf-no-name" in [each.code for each in conf_file.inspect(b"DEBUG=true\n").warnings]

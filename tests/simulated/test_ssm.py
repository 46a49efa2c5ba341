"""Parameters from SSM: the whole way, with credentials from the metadata service, over real HTTP."""

from __future__ import annotations

import json
import logging
import time
import traceback
from typing import Any

import pytest
from botocore.credentials import Credentials

from teleport_bootstrap import errors, paths
from teleport_bootstrap.aws import connection, failures, signed_client
from teleport_bootstrap.aws.account import Aws as InstanceAws
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.host import clock
from teleport_bootstrap.instance import gather, secret_values
from teleport_bootstrap.secret import Secret
from tests.simulated_ec2 import Aws
from tests.simulated_ec2 import aws as simulated
from tests.simulated_ec2 import imds as emulator

LICENSE = "/teleport/example/license"
TOKEN = "/teleport/example/tokens/node"
PIN = "/teleport/example/ca-pin-hash"
VALUES = {LICENSE: "-----BEGIN LICENSE hunter2-----\nx\n", TOKEN: "hunter2-token", PIN: "sha256:hunter2"}


class Instance:
    """An instance with a role, in front of the simulated AWS."""

    def __init__(self, imds: emulator.Server, aws: Aws) -> None:
        self.imds = imds
        self.aws = aws
        self.environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url, "AWS_ENDPOINT_URL": aws.url}

    def fetch(
        self, *names: str, region: str = "us-east-1", deadline_seconds: float = 3.0, **options: Any
    ) -> dict[str, Secret]:
        agent = Imds.from_environment(self.environ, deadline_seconds=deadline_seconds)
        aws = InstanceAws.of_instance(agent, region, self.environ, wait_seconds=deadline_seconds)
        return aws.ssm.fetch(names, **options)

    def fails(self, *names: str, **options: Any) -> errors.BootstrapError:
        """Return the error that fetching ends with; nothing of it may show a value."""
        with pytest.raises(errors.BootstrapError) as caught:
            self.fetch(*names, **options)
        shown = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
        for text in (shown, str(caught.value), repr(caught.value), caught.value.hint, repr(vars(caught.value))):
            assert "hunter2" not in text
            assert "simulated-secret-access-key" not in text
            assert "simulated-session-token" not in text
        return caught.value


@pytest.fixture
def instance(imds: emulator.Server, aws: Aws) -> Instance:
    aws.put_parameters(VALUES)
    return Instance(imds, aws)


def revealed(found: dict[str, Secret]) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in found.items()}


def test_all_parameters_come_from_one_call(instance: Instance) -> None:
    assert revealed(instance.fetch(*VALUES)) == VALUES
    (request,) = instance.aws.requests
    assert (request.service, request.operation) == ("ssm", "GetParameters")
    assert json.loads(request.body) == {"Names": list(VALUES), "WithDecryption": True}


def test_the_call_is_signed_with_the_roles_key_whatever_the_environment_holds(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.setenv(name, "forgotten")
        instance.environ[name] = "forgotten"
    instance.fetch(LICENSE)
    assert instance.aws.requests[0].access_key == "ASIAEXAMPLEEXAMPLE00"


@pytest.mark.parametrize("names", [(LICENSE, TOKEN, PIN), (PIN, TOKEN, LICENSE), (TOKEN, LICENSE, PIN)])
def test_the_order_of_the_answer_does_not_matter(instance: Instance, names: tuple[str, ...]) -> None:
    found = instance.fetch(*names)
    assert revealed(found) == VALUES
    assert tuple(found) == names


def test_sends_no_request_for_no_names(instance: Instance) -> None:
    assert instance.fetch() == {}
    assert instance.aws.requests == []


def test_asks_no_service_for_a_plan_without_parameters(instance: Instance) -> None:
    doors = gather.Doors(paths.Root("/nowhere"), instance.environ)
    assert secret_values.fetch((), "us-east-1", False, doors) == secret_values.Fetched({})
    assert instance.aws.requests == []
    assert instance.imds.service.requests == []


def test_values_are_secrets(instance: Instance) -> None:
    assert "hunter2" not in repr(instance.fetch(*VALUES))


def test_all_missing_parameters_are_named_with_the_command_that_puts_them_there(instance: Instance) -> None:
    error = instance.fails(LICENSE, "/teleport/example/tokens/kube", "/teleport/other/license", "/x/ca-pin-hash")
    assert isinstance(error, errors.ParameterMissing)
    assert "/teleport/example/tokens/kube, /teleport/other/license, /x/ca-pin-hash" in error.message
    assert "us-east-1" in error.message
    assert LICENSE not in error.message
    put = "aws ssm put-parameter --region us-east-1 --name"
    assert f"{put} /teleport/example/tokens/kube --type SecureString --value file://FILE" in error.hint
    assert f"{put} /teleport/other/license --type SecureString --tier Advanced --value file://FILE" in error.hint
    assert f"{put} /x/ca-pin-hash --type String --value file://FILE" in error.hint


def test_an_optional_parameter_may_be_missing_and_others_may_not(instance: Instance) -> None:
    later = "/teleport/example/tokens/proxy"
    assert revealed(instance.fetch(LICENSE, later, optional=[later])) == {LICENSE: VALUES[LICENSE]}
    error = instance.fails(LICENSE, later, "/teleport/example/other", optional=[later])
    assert isinstance(error, errors.ParameterMissing)
    assert later not in error.message


def test_an_optional_parameter_may_not_be_blank(instance: Instance) -> None:
    instance.aws.put_parameters({TOKEN: " "})
    assert isinstance(instance.fails(TOKEN, optional=[TOKEN]), errors.ParameterEmpty)


def test_a_parameter_of_another_region_is_missing(instance: Instance) -> None:
    assert isinstance(instance.fails(LICENSE, region="eu-west-1"), errors.ParameterMissing)


@pytest.mark.parametrize("value", [" ", "\n", " \t\n"])
def test_known_defect_7_a_blank_parameter_is_refused(instance: Instance, value: str) -> None:
    instance.aws.put_parameters({TOKEN: value})
    error = instance.fails(LICENSE, TOKEN)
    assert isinstance(error, errors.ParameterEmpty)
    assert TOKEN in error.message
    assert LICENSE not in error.message
    assert "--overwrite" in error.hint


@pytest.mark.parametrize(
    "answer", [simulated.THROTTLED, simulated.BROKEN, simulated.RESETTING], ids=["429", "500", "reset"]
)
def test_a_client_makes_one_attempt(instance: Instance, answer: simulated.Answer) -> None:
    found = connection.plan("ssm", region="us-east-1", environ=instance.environ)
    client = signed_client.SignedClient(found, credentials=Credentials("a", "b"), clock=clock.SYSTEM)
    instance.aws.fail_always(answer)
    with pytest.raises(failures.RAISED):
        client.send("GetParameters", {"Names": [LICENSE]})
    assert len(instance.aws.requests) == 1


def test_throttling_is_waited_out(instance: Instance) -> None:
    instance.aws.fail(simulated.THROTTLED, times=2)
    assert revealed(instance.fetch(*VALUES, deadline_seconds=30.0)) == VALUES
    assert len(instance.aws.requests) == 3


@pytest.mark.parametrize(
    "answer", [simulated.BROKEN, simulated.RESETTING, simulated.PAGE], ids=["500", "reset", "page"]
)
def test_a_passing_failure_is_waited_out(instance: Instance, answer: simulated.Answer) -> None:
    instance.aws.fail(answer, times=2)
    assert revealed(instance.fetch(LICENSE, deadline_seconds=30.0)) == {LICENSE: VALUES[LICENSE]}
    assert len(instance.aws.requests) == 3


@pytest.mark.parametrize(
    ("answer", "expected", "text"),
    [
        (simulated.THROTTLED, errors.AwsThrottled, "kept throttling ssm:GetParameters in us-east-1"),
        (simulated.BROKEN, errors.AwsFailed, "kept failing at ssm:GetParameters"),
        (simulated.RESETTING, errors.AwsUnreachable, "waited for ssm:GetParameters at http://127.0.0.1"),
        (simulated.SILENT, errors.AwsUnreachable, "no answer within its time limit"),
        (simulated.PAGE, errors.AwsUnreachable, "the answer did not come from AWS"),
    ],
    ids=["throttled", "500", "reset", "silent", "page"],
)
def test_known_defect_7_a_lasting_failure_is_an_error_of_its_kind_at_the_deadline(
    instance: Instance, answer: simulated.Answer, expected: type[errors.BootstrapError], text: str
) -> None:
    instance.aws.fail_always(answer)
    began = time.monotonic()
    error = instance.fails(*VALUES)
    assert time.monotonic() - began < 4.5
    assert type(error) is expected
    assert text in error.message
    assert "attempt" in error.message
    # A silent endpoint uses up its time: a second attempt would end too late.
    assert len(instance.aws.requests) >= (1 if answer is simulated.SILENT else 2)


def test_an_endpoint_where_nothing_listens_is_unreachable(instance: Instance) -> None:
    instance.environ["AWS_ENDPOINT_URL_SSM"] = "http://127.0.0.1:1"
    error = instance.fails(LICENSE)
    assert type(error) is errors.AwsUnreachable
    assert "http://127.0.0.1:1" in error.message
    assert "connection refused" in error.message
    assert "com.amazonaws.us-east-1.ssm" in error.hint
    assert instance.aws.requests == []


def test_a_denial_ends_at_once_and_names_action_parameter_and_role(instance: Instance) -> None:
    instance.aws.fail_always(simulated.denied(resource="parameter/teleport/example/license"))
    error = instance.fails(LICENSE, deadline_seconds=30.0)
    assert type(error) is errors.AwsDenied
    assert error.hint == (
        "Allow ssm:GetParameters on arn:aws:ssm:us-east-1:123456789012:parameter/teleport/example/license "
        "in the policy of the instance role teleport-role."
    )
    assert len(instance.aws.requests) == 1


def test_a_role_without_the_permission_is_denied_by_a_real_policy_check(instance: Instance) -> None:
    instance.imds.service.update({"credentials": instance.aws.role_credentials(["s3:GetObject"])})
    instance.aws.enforce_policies()
    error = instance.fails(LICENSE)
    assert type(error) is errors.AwsDenied
    assert "Allow ssm:GetParameters on arn:aws:ssm:us-east-1:" in error.hint
    assert "<" not in error.message


def test_a_role_with_nothing_but_the_permission_is_enough(instance: Instance) -> None:
    instance.imds.service.update({"credentials": instance.aws.role_credentials(["ssm:GetParameters"])})
    instance.aws.enforce_policies()
    assert revealed(instance.fetch(*VALUES)) == VALUES


def test_reports_by_how_much_the_clock_is_wrong(instance: Instance) -> None:
    instance.aws.fail_always(simulated.wrong_clock(4000))
    error = instance.fails(LICENSE, deadline_seconds=30.0)
    assert type(error) is errors.ClockWrong
    assert "67 min behind AWS's" in error.message


def test_fetches_expired_credentials_again_once(instance: Instance) -> None:
    instance.aws.fail(simulated.EXPIRED)
    assert revealed(instance.fetch(LICENSE)) == {LICENSE: VALUES[LICENSE]}
    assert len(instance.imds.service.gets("teleport-role")) == 2
    instance.aws.fail_always(simulated.EXPIRED)
    assert type(instance.fails(LICENSE, deadline_seconds=30.0)) is errors.AwsFailed


def test_reports_an_instance_without_a_role_without_calling_aws(instance: Instance) -> None:
    instance.imds.service.update({"role": None})
    assert type(instance.fails(LICENSE, deadline_seconds=1.0)) is errors.CredentialsMissing
    assert instance.aws.requests == []


def test_no_log_at_any_level_holds_a_value_or_a_key(instance: Instance, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("requests", "urllib3"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    instance.fetch(*VALUES)
    assert caplog.records, "something was logged, or this proves nothing"
    for secret in ("hunter2", "simulated-secret-access-key", "simulated-session-token"):
        assert secret not in caplog.text
    for token in instance.imds.service.tokens:
        assert token not in caplog.text

"""Parameters from SSM Parameter Store: all of them in one call, or a clear error and none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Optional

from teleport_bootstrap import errors
from teleport_bootstrap.aws import calls, failures, partition, session
from teleport_bootstrap.ec2 import credentials as instance_credentials
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import retry
from teleport_bootstrap.secret import Secret

_NAMES_IN_A_CALL = 10  # SSM API reference, GetParameters


def fetch(
    names: Sequence[str],
    *,
    region: str,
    imds: Imds,
    environ: Mapping[str, str],
    optional: Collection[str] = (),
    fips: bool = False,
    deadline_seconds: float = 60.0,
    clock: Optional[clocks.Clock] = None,
) -> dict[str, Secret]:
    """Return the values of the parameters `names`, read with the credentials of this instance's role.

    One of `optional` that does not exist yet is left out of the answer.

    Raises what get_parameters raises, and what teleport_bootstrap.ec2.credentials.refreshable and
    teleport_bootstrap.aws.session.client raise. Nothing is asked of anyone when `names` is empty.
    """
    if not names:
        return {}
    credentials = instance_credentials.refreshable(imds)
    client = session.client(
        "ssm", region=region, credentials=credentials, environ=environ, fips=fips, deadline_seconds=deadline_seconds
    )
    return get_parameters(
        names,
        client=client,
        region=region,
        optional=optional,
        partition=partition.of(region).name,
        deadline_seconds=deadline_seconds,
        clock=clock,
        renew=credentials.renew,
    )


def get_parameters(
    names: Sequence[str],
    *,
    client: Any,
    region: str,
    optional: Collection[str] = (),
    account: Optional[str] = None,
    partition: str = "aws",
    deadline_seconds: float = 60.0,
    clock: Optional[clocks.Clock] = None,
    renew: Optional[Callable[[], None]] = None,
) -> dict[str, Secret]:
    """Return the decrypted values of the parameters `names`, by name and in that order, from one call for each ten.

    `client` is a botocore client for ssm; `account` and `partition` only make the ARNs in messages complete.
    `renew` gets new credentials when AWS calls those in use expired. `deadline_seconds` is for all calls together.
    Those of `optional` may be missing. Raises ParameterMissing (which names all others that are missing),
    ParameterEmpty, AwsDenied, AwsThrottled, AwsUnreachable, AwsFailed, ClockWrong.
    """
    wanted = list(dict.fromkeys(names))
    deadline = retry.Deadline(deadline_seconds, clock)
    values: dict[str, Secret] = {}
    for start in range(0, len(wanted), _NAMES_IN_A_CALL):
        batch = wanted[start : start + _NAMES_IN_A_CALL]
        call = failures.Call(
            action="ssm:GetParameters",
            resources=tuple(arn(name, region=region, account=account, partition=partition) for name in batch),
            endpoint=client.meta.endpoint_url,
            region=region,
            partition=partition,
            account=account,
        )
        answer = calls.perform(
            lambda batch=batch: _ask(client, batch),  # type: ignore[misc]
            call,
            deadline=deadline,
            attempt_seconds=session.attempt_seconds(client),
            renew=renew,
        )
        values.update(answer)
    _refuse_missing([name for name in wanted if name not in values and name not in optional], region)
    _refuse_empty([name for name in wanted if name in values and not values[name].reveal().strip()], region)
    return {name: values[name] for name in wanted if name in values}


def arn(name: str, *, region: str, account: Optional[str] = None, partition: str = "aws") -> str:
    """Return the ARN of the parameter `name`, with `*` for an account that is not known."""
    return f"arn:{partition}:ssm:{region}:{account or '*'}:parameter/{name.lstrip('/')}"


def _ask(client: Any, names: Sequence[str]) -> dict[str, Secret]:
    """Return what AWS has of `names`. The values become secrets here, before anything else can hold them."""
    answer = client.get_parameters(Names=list(names), WithDecryption=True)
    if "Parameters" not in answer:  # botocore makes an empty answer of a page with status 200
        raise failures.NotAnAnswer
    return {parameter["Name"]: Secret(parameter["Value"]) for parameter in answer["Parameters"]}


def _refuse_missing(names: Sequence[str], region: str) -> None:
    if names:
        raise errors.ParameterMissing(
            f"SSM Parameter Store in {region} has no parameter {', '.join(names)}",
            hint="Put it there: " + "; ".join(_put(name, region) for name in names),
        )


def _refuse_empty(names: Sequence[str], region: str) -> None:
    if names:
        raise errors.ParameterEmpty(
            f"SSM Parameter Store in {region} holds nothing but blanks in {', '.join(names)}",
            hint="Replace it: " + "; ".join(_put(name, region) + " --overwrite" for name in names),
        )


def _put(name: str, region: str) -> str:
    kind = "String" if name.endswith("/ca-pin-hash") else "SecureString"
    tier = " --tier Advanced" if name.endswith("/license") else ""  # a license may exceed the 4 KB of a standard one
    return f"aws ssm put-parameter --region {region} --name {name} --type {kind}{tier} --value file://FILE"

"""The one way to AWS: each service, called from this instance with the credentials of its role."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from teleport_bootstrap import errors, records
from teleport_bootstrap.aws import athena as workgroups
from teleport_bootstrap.aws import auto_scaling as groups
from teleport_bootstrap.aws import (
    botocore_client,
    connection,
    endpoints,
    identity,
    policy_simulation,
    signed_client,
    table_description,
)
from teleport_bootstrap.aws import dns_zones as zones
from teleport_bootstrap.aws import glue as catalogue
from teleport_bootstrap.aws import instances as descriptions
from teleport_bootstrap.aws import kms as key_service
from teleport_bootstrap.aws import load_balancers as balancers
from teleport_bootstrap.aws import parameter_descriptions as parameters
from teleport_bootstrap.aws import scaling as capacity
from teleport_bootstrap.aws import stacks as stack_signals
from teleport_bootstrap.aws.dynamodb import DynamoDb
from teleport_bootstrap.aws.s3 import Bucket
from teleport_bootstrap.aws.service import Client, Service
from teleport_bootstrap.aws.ssm import ParameterStore
from teleport_bootstrap.ec2 import credentials as instance_credentials
from teleport_bootstrap.ec2.imds import Imds
from teleport_bootstrap.hints import Any, TypeVar
from teleport_bootstrap.host import clock as clocks
from teleport_bootstrap.host import pacing
from teleport_bootstrap.records import dataclass

Kind = TypeVar("Kind", bound=Service)


@dataclass(frozen=True)
class Aws:
    """AWS in one region. Make one for a whole command, so that credentials are fetched once.

    `credentials` are the instance's or, in tests, any of botocore's. `environ` may name endpoints, see
    `connection.plan`. `wait_seconds` bounds one call with its retries, not a command that makes many. `crowd` is for
    what all hosts of a fleet ask SSM when they start. Threads may share it: each property, and `s3`, makes a service
    with a connection of its own, which one thread uses.

    The properties and `s3` send nothing; the methods of what they return raise AwsDenied, AwsThrottled, AwsUnreachable,
    AwsFailed, ClockWrong, CredentialsMissing, and UsageError for invalid variables in `environ`.
    """

    region: str
    credentials: Any
    environ: Mapping[str, str]
    fips: bool = False
    wait_seconds: float = 60.0
    clock: clocks.Clock = clocks.SYSTEM
    dual_stack: bool = False
    crowd: pacing.Crowd | None = None

    @classmethod
    def of_instance(
        cls, imds: Imds, region: str, environ: Mapping[str, str], *, fips: bool = False, wait_seconds: float = 60.0
    ) -> Aws:
        """Return AWS as the role of this instance may call it; its credentials are fetched from `imds` now.

        Raises what teleport_bootstrap.ec2.credentials.refreshable raises.
        """
        credentials = instance_credentials.refreshable(imds, deadline_seconds=wait_seconds)
        return cls(region, credentials, environ, fips, wait_seconds)

    def in_region(self, region: str) -> Aws:
        """Return AWS in another region, with the same credentials."""
        return records.replace(self, region=region)

    @property
    def partition(self) -> str:
        """The partition of the region, as in ARNs."""
        return endpoints.partition_of(self.region).name

    @property
    def ssm(self) -> ParameterStore:
        """SSM Parameter Store."""
        return self._service("ssm", ParameterStore)

    @property
    def dynamodb(self) -> DynamoDb:
        """DynamoDB: items of a table, and on-demand backups of tables."""
        return self._service("dynamodb", DynamoDb)

    @property
    def kms(self) -> key_service.KeyManagement:
        """KMS: descriptions of keys."""
        return self._service("kms", key_service.KeyManagement)

    @property
    def sts(self) -> identity.TokenService:
        """STS: who the caller is."""
        return self._service("sts", identity.TokenService)

    @property
    def load_balancers(self) -> balancers.LoadBalancers:
        """Elastic Load Balancing, version 2."""
        return self._service("elasticloadbalancing", balancers.LoadBalancers)

    @property
    def table_descriptions(self) -> table_description.TableDescriptions:
        """DynamoDB: how tables are set up."""
        return self._service("dynamodb", table_description.TableDescriptions)

    @property
    def parameter_descriptions(self) -> parameters.ParameterDescriptions:
        """SSM Parameter Store: what parameters are, without their values."""
        return self._service("ssm", parameters.ParameterDescriptions)

    @property
    def scaling(self) -> capacity.Scaling:
        """Application Auto Scaling, as far as it scales tables."""
        return self._service("application-autoscaling", capacity.Scaling)

    @property
    def auto_scaling(self) -> groups.AutoScaling:
        """EC2 Auto Scaling: lifecycle actions."""
        return self._service("autoscaling", groups.AutoScaling)

    @property
    def stacks(self) -> stack_signals.Stacks:
        """CloudFormation: signals to stacks."""
        return self._service("cloudformation", stack_signals.Stacks)

    @property
    def athena(self) -> workgroups.Athena:
        """Athena: workgroups."""
        return self._service("athena", workgroups.Athena)

    @property
    def glue(self) -> catalogue.Glue:
        """Glue: tables of the data catalogue."""
        return self._service("glue", catalogue.Glue)

    @property
    def instances(self) -> descriptions.Instances:
        """EC2: instances and security groups."""
        return self._service("ec2", descriptions.Instances)

    @property
    def policies(self) -> policy_simulation.Policies:
        """IAM: what policies allow."""
        return self._service("iam", policy_simulation.Policies)

    @property
    def dns_zones(self) -> zones.DnsZones:
        """Route 53: hosted zones and their records."""
        return self._service("route53", zones.DnsZones)

    def instance_tags(self, instance_id: str, keys: Collection[str]) -> dict[str, str]:
        """Return those tags of the instance whose keys are in `keys`, which instance metadata cannot show.

        An instance has at most 50 tags, which fit into one answer.
        """
        found: dict[str, str] = self._service("ec2", Service).call(
            "ec2:DescribeTags",
            ["*"],  # IAM supports no narrower resource for this action
            # Keys are compared here and not by a filter, in which * and ? would match other keys.
            read=lambda answer: {tag["key"]: tag["value"] for tag in answer["tagSet"] if tag["key"] in keys},
            Filters=[{"Name": "resource-id", "Values": [instance_id]}],
        )
        return found

    def s3(self, bucket: str, *, expected_owner: str | None = None, kms_key_id: str | None = None) -> Bucket:
        """Return the S3 bucket named `bucket`, in whatever region it is.

        `expected_owner` is an account number: S3 refuses each call when the bucket belongs to another account.
        `kms_key_id` (id, ARN or alias) is the key to encrypt with; without it the bucket's own setting decides.
        Raises UsageError for an invalid name or account number.
        """
        return Bucket(
            self._service("s3", Service),
            bucket,
            expected_owner=expected_owner,
            kms_key_id=kms_key_id,
            in_region=lambda region: self.in_region(region)._service("s3", Service),
        )

    def _service(self, name: str, kind: type[Kind]) -> Kind:
        found = connection.plan(
            name,
            region=self.region,
            environ=self.environ,
            fips=self.fips,
            dual_stack=self.dual_stack,
            deadline_seconds=self.wait_seconds,
        )
        renew = getattr(self.credentials, "renew", None)
        return kind(
            self._client(found), wait_seconds=self.wait_seconds, renew=renew, clock=self.clock, crowd=self.crowd
        )

    def _client(self, found: connection.Connection) -> Client:
        if found.service != "s3":
            return signed_client.SignedClient(found, credentials=self.credentials, clock=self.clock)
        try:
            return botocore_client.create(found, credentials=self.credentials, deadline_seconds=self.wait_seconds)
        except ModuleNotFoundError as error:
            raise errors.LibraryMissing(
                f"S3 is used here, and needs the Python library {error.name}, which is not installed",
                hint="Install it: `dnf install python3-botocore` on Amazon Linux, `apt-get install python3-botocore` "
                "on Debian and Ubuntu.",
            ) from None

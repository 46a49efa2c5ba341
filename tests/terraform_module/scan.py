"""Scans packaging/terraform with checkov, and compares what it finds with the exceptions: `./dev infrastructure`.

Each exception is argued, and one that checkov does not need is a fault as well.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.terraform_module.evaluate import FOLDER, MODULES


@dataclass(frozen=True)
class Failed:
    """A check that fails for a resource, by the address of the latter."""

    check: str
    name: str
    resource: str


_BALANCER = r"aws_lb\.\w+"
_BUCKET = r"aws_s3_bucket\.this"
_KEY_POLICY = r"aws_iam_policy_document\.key"
_SESSIONS = r"aws_iam_policy_document\.session_manager"

# By check and the end of the resource's address, why it is as it is.
EXCEPTIONS = {
    (
        "CKV_AWS_150",
        _BALANCER,
    ): "A load balancer keeps nothing: one that is deleted is created again, with the same name in "
    "DNS. With protection, `terraform destroy` of a trial would stop halfway.",
    (
        "CKV_AWS_91",
        _BALANCER,
    ): "Network load balancers log TLS listeners only, of which there are none, and Teleport's own "
    "audit log has who did what. Logs of the ALB need a bucket with a policy of each region, which is yours to choose.",
    (
        "CKV2_AWS_28",
        _BALANCER,
    ): "A firewall for web applications is paid by rule and request, and its rules are yours to "
    "choose; one can be associated with the balancer. The web needs a login with a second factor.",
    (
        "CKV_AWS_119",
        r"aws_dynamodb_table\.\w+",
    ): "DynamoDB encrypts with a key of its own. With another one each instance "
    "would need rights to that key which `iam-policy` does not print, and nothing would be read without it.",
    ("CKV_AWS_28", r"aws_dynamodb_table\.locks"): "One item, which auth servers write again when it is missing.",
    ("CKV2_AWS_62", _BUCKET): "No one waits for what is written to the bucket.",
    (
        "CKV_AWS_18",
        _BUCKET,
    ): "Access is in CloudTrail, where data events are switched on; logs of the bucket need another "
    "bucket, which is yours to choose.",
    ("CKV_AWS_144", _BUCKET): "Another region is yours to choose; replication can be added to the bucket.",
    (
        "CKV_AWS_145",
        _BUCKET,
    ): "It is encrypted with the KMS key if there is one, which the tests evaluate; checkov does not "
    "follow the expression.",
    (
        "CKV_AWS_19",
        _BUCKET,
    ): "It is encrypted with S3's own key at least, which the tests evaluate; checkov does not follow the expression.",
    (
        "CKV_AWS_109",
        _KEY_POLICY,
    ): "The policy that KMS writes for a key made in the console: it lets IAM of the account "
    "decide. A narrower one can lock everyone out.",
    ("CKV_AWS_111", _KEY_POLICY): "As above.",
    ("CKV_AWS_356", _KEY_POLICY): "As above; in a key's policy, `*` is that key.",
    ("CKV_AWS_111", _SESSIONS): "These actions know no resources: the service authorization reference lists none for "
    "ssmmessages and ec2messages.",
    ("CKV_AWS_356", _SESSIONS): "As above.",
    ("CKV2_AWS_5", r'aws_security_group\.instances\["auth"\]'): "It is attached, to the launch template of the auth "
    "servers; checkov does not follow it into the module.",
}


def scan(program: str) -> Iterator[Failed]:
    """Yield what fails in each example, with the values of its terraform.tfvars.example."""
    for module in MODULES:
        folder = FOLDER / "examples" / module
        words = ["--framework", "terraform", "--quiet", "--compact", "--output", "json", "--directory", str(folder)]
        # Otherwise it asks a service for descriptions of its checks.
        words += ["--var-file", str(folder / "terraform.tfvars.example"), "--skip-download"]
        done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            sys.exit(f"{program} ended with {done.returncode}: {done.stderr}")
        report = json.loads(done.stdout)
        if report["summary"]["parsing_errors"] or report["summary"]["resource_count"] < 40:
            sys.exit(f"{program} did not read the files of {module}: {report['summary']}")
        for each in report["results"]["failed_checks"]:
            yield Failed(each["check_id"], each["check_name"], each["resource"])


def judge(found: list[Failed]) -> Iterator[str]:
    """Yield what fails without an exception, and exceptions that nothing needs."""
    needed = set()
    for failed in found:
        row = next((row for row in EXCEPTIONS if _concerns(row, failed)), None)
        if row is None:
            yield f"{failed.check} {failed.resource}: {failed.name}"
        else:
            needed.add(row)
    for check, resource in EXCEPTIONS.keys() - needed:
        yield f"{check} for {resource} is an exception that nothing needs"


def _concerns(row: tuple[str, str], failed: Failed) -> bool:
    check, resource = row
    return check == failed.check and re.search(rf"(?:^|\.){resource}(?:\[[^\]]*\])?$", failed.resource) is not None

"""The questions, in their order: what each is for, which answers it takes, and when it matters.

Types are those of the conf's variables wherever an answer becomes the value of one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from teleport_bootstrap.conf import kinds, variables
from teleport_bootstrap.conf.kinds import Unfit
from teleport_bootstrap.conf.variable import Kind
from teleport_bootstrap.hints import Any, Union
from teleport_bootstrap.launch import values, words
from teleport_bootstrap.records import dataclass

# What was answered so far, by the names of questions, as it was typed.
Answers = Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """`prompt` asks it in a line, and `about` says more, for the file of answers.

    `default` is what counts where nothing is answered; None where there must be an answer, and "" where it may be left
    out. `matters` says whether it is asked after these answers, and `fits` raises Unfit where the answer does not go
    together with them.
    """

    name: str
    prompt: str
    about: str
    kind: Kind[Any]
    default: Union[str, Callable[[Answers], str], None] = None
    matters: Callable[[Answers], bool] = lambda _: True
    fits: Callable[[str, Answers], None] = lambda _value, _answers: None

    def default_after(self, answers: Answers) -> str | None:
        """Return the default after these answers."""
        return self.default(answers) if callable(self.default) else self.default

    def check(self, value: str, answers: Answers) -> None:
        """Raise Unfit where `value` is not an answer to this question."""
        if value == "":
            if self.default_after(answers) == "":
                return
            raise Unfit("is empty", "an answer is needed here")
        self.kind.parse(value)
        self.fits(value, answers)


def _is(name: str, *chosen: str) -> Callable[[Answers], bool]:
    return lambda answers: answers.get(name) in chosen


def _tool_fits(value: str, answers: Answers) -> None:
    if value == words.TERRAFORM and answers.get("certificate") == words.LETSENCRYPT and not stores_in_aws(answers):
        raise Unfit(
            "cannot be terraform with Let's Encrypt and the storage disk: the certificate is shared in a bucket",
            f"choose {words.DYNAMODB} for the storage, or write {words.MANUAL}",
        )
    if value == words.CLOUDFORMATION and answers.get("certificate") == words.LETSENCRYPT:
        raise Unfit(
            "cannot be cloudformation with Let's Encrypt: the templates have a load balancer with ACM",
            f"write {words.TERRAFORM} or {words.MANUAL}, or choose {words.ACM} for the certificate",
        )


def _usual_tool(answers: Answers) -> str:
    for each in (words.CLOUDFORMATION, words.TERRAFORM):
        try:
            _tool_fits(each, answers)
        except Unfit:
            continue
        return each
    return words.MANUAL


def _certificate_fits(value: str, answers: Answers) -> None:
    if value == words.ACM and len(answers.get("domain", "")) > values.LONGEST_COMMON_NAME:
        raise Unfit(
            f"cannot be acm with a domain of more than {values.LONGEST_COMMON_NAME} characters",
            f"choose a shorter domain, or {words.LETSENCRYPT}",
        )


def _usual_zone(answers: Answers) -> str:
    """Return the domain without its first part, if a zone can be called like that."""
    domain = answers.get("domain", "")
    rest = domain.partition(".")[2]
    return rest if "." in rest else domain


def _zone_fits(value: str, answers: Answers) -> None:
    domain = answers.get("domain", "")
    if not f".{domain}".endswith(f".{value}"):
        raise Unfit(f"does not hold {domain}: {kinds.quoted(value)}", f"write {domain} or what it ends with")


def stores_in_aws(answers: Answers) -> bool:
    """Whether the state of the cluster is in DynamoDB and S3."""
    return answers.get("setup") == words.HA or answers.get("storage") == words.DYNAMODB


def is_enterprise(answers: Answers) -> bool:
    """Whether the image has Teleport Enterprise."""
    return answers.get("sign_in") in words.ENTERPRISE_SIGN_IN or answers.get("edition") == words.ENTERPRISE


def _has_bucket(answers: Answers) -> bool:
    return stores_in_aws(answers) or answers.get("certificate") == words.LETSENCRYPT


def _needs_zone(answers: Answers) -> bool:
    """Whether the template makes records in the zone, or the policy for Let's Encrypt names it."""
    return answers.get("tool") == words.CLOUDFORMATION or answers.get("certificate") == words.LETSENCRYPT


_with_tool = _is("tool", words.CLOUDFORMATION, words.TERRAFORM)

QUESTIONS = (
    Question(
        "setup",
        "One instance, or high availability",
        "starter is one instance that does everything; ha has groups of auth servers, proxies and nodes, with their "
        "state in DynamoDB and S3.",
        kinds.choice(words.STARTER, words.HA),
        words.STARTER,
    ),
    Question(
        "domain",
        "The domain under which people reach Teleport, such as teleport.example.com",
        "Its zone has to be in Route 53. Security keys are registered for it, so that it cannot change later.",
        values.DOMAIN,
    ),
    Question(
        "cluster",
        "The name of the cluster",
        "It cannot change later. Tables and SSM parameters have it in their names.",
        values.CLUSTER,
        lambda answers: answers.get("domain", ""),
    ),
    Question(
        "region",
        "The AWS region, such as eu-west-1",
        "Where all of it is.",
        variables.EC2_REGION.kind,
    ),
    Question(
        "certificate",
        "The certificate of the web",
        "acm: a load balancer has a certificate of AWS. letsencrypt: Teleport has one of Let's Encrypt.",
        kinds.choice(words.ACM, words.LETSENCRYPT),
        words.ACM,
        fits=_certificate_fits,
    ),
    Question(
        "email",
        "The address for Let's Encrypt's notices",
        "Let's Encrypt writes there about the certificate.",
        values.EMAIL,
        matters=_is("certificate", words.LETSENCRYPT),
    ),
    Question(
        "storage",
        "Where the one instance keeps its state",
        "disk: on its own disk, which is backed up. dynamodb: in DynamoDB and S3, so that it can be replaced.",
        kinds.choice(words.DISK, words.DYNAMODB),
        lambda answers: words.DYNAMODB if answers.get("certificate") == words.LETSENCRYPT else words.DISK,
        matters=_is("setup", words.STARTER),
    ),
    Question(
        "bucket",
        "The S3 bucket for recordings",
        "It is new, and no other bucket in AWS has its name.",
        variables.TELEPORT_S3_BUCKET.kind,
        lambda answers: values.bucket_name(answers.get("cluster", "")),
        matters=_has_bucket,
    ),
    Question(
        "sign_in",
        "How people sign in",
        "local: with a password and a second factor. github, saml and oidc: with an identity provider; saml and oidc "
        "take Teleport Enterprise.",
        variables.TELEPORT_AUTH_TYPE.kind,
        "local",
    ),
    Question(
        "edition",
        "The edition of Teleport in the image",
        "enterprise needs a license, which goes into SSM and not into these files.",
        kinds.choice(words.COMMUNITY, words.ENTERPRISE),
        words.COMMUNITY,
        matters=lambda answers: answers.get("sign_in") not in words.ENTERPRISE_SIGN_IN,
    ),
    Question(
        "tool",
        "What creates the things in AWS",
        "cloudformation and terraform: a template or module of teleport-bootstrap. manual: another tool, or a person.",
        kinds.choice(words.CLOUDFORMATION, words.TERRAFORM, words.MANUAL),
        _usual_tool,
        fits=_tool_fits,
    ),
    Question(
        "account",
        "The AWS account, twelve digits",
        "IAM policies name things by their account.",
        values.ACCOUNT,
        matters=_is("tool", words.MANUAL),
    ),
    Question(
        "hosted_zone",
        "The id of the domain's hosted zone in Route 53 (empty: later)",
        "`aws route53 list-hosted-zones` prints it.",
        values.HOSTED_ZONE,
        "",
        matters=_needs_zone,
    ),
    Question(
        "zone",
        "The name of the domain's zone in Route 53",
        "The zone in which the records are made, such as example.com.",
        values.DOMAIN,
        _usual_zone,
        matters=_is("tool", words.TERRAFORM),
        fits=_zone_fits,
    ),
    Question(
        "vpc",
        "The VPC (empty: later)",
        "It exists already. `aws ec2 describe-vpcs` prints it.",
        values.VPC,
        "",
        matters=_with_tool,
    ),
    Question(
        "balancer_subnets",
        "Public subnets of two zones, for load balancers (empty: later)",
        "With commas. `aws ec2 describe-subnets` prints them.",
        values.SUBNETS,
        "",
        matters=_with_tool,
    ),
    Question(
        "instance_subnet",
        "A private subnet for the instance (empty: later)",
        "It has a way to AWS: a NAT gateway, or VPC endpoints.",
        values.SUBNET,
        "",
        matters=lambda answers: _with_tool(answers) and answers.get("setup") == words.STARTER,
    ),
    Question(
        "instance_subnets",
        "Private subnets of two zones, for the instances (empty: later)",
        "With commas. They have a way to AWS: a NAT gateway, or VPC endpoints.",
        values.SUBNETS,
        "",
        matters=lambda answers: _with_tool(answers) and answers.get("setup") == words.HA,
    ),
    Question(
        "image",
        "The AMI, with Teleport and teleport-bootstrap (empty: later)",
        "docs/image-building.md says how to make one.",
        values.IMAGE,
        "",
        matters=_is("tool", words.CLOUDFORMATION),
    ),
    Question(
        "image_name",
        "The name of your AMI, of which the newest is taken; * stands for any characters (empty: later)",
        "It has Teleport and teleport-bootstrap: docs/image-building.md says how to make one.",
        values.IMAGE_NAME,
        "",
        matters=_is("tool", words.TERRAFORM),
    ),
)
BY_NAME = {each.name: each for each in QUESTIONS}

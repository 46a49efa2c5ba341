"""What to do with the files: commands to copy, in their order."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping

from teleport_bootstrap import paths, port_table, unit_table
from teleport_bootstrap.launch import cloudformation, confs, policies, questions, terraform, words
from teleport_bootstrap.launch.questions import Answers
from teleport_bootstrap.roles import Role

_COLUMNS = 100
_TOOLS = {
    words.CLOUDFORMATION: "with CloudFormation",
    words.TERRAFORM: "with Terraform or OpenTofu",
    words.MANUAL: "without a template",
}
_SETUPS = {words.STARTER: "One instance", words.HA: "A cluster in high availability"}


def text(answers: Answers) -> str:
    """Return the page in Markdown, ending with a line feed."""
    steps = [*_missing(answers), _checked(answers), *_license(answers), *_created(answers)]
    steps += [_looked_at(answers), _first_user(answers), _backups(answers)]
    lines = [
        f"# {_SETUPS[answers['setup']]} of {answers['domain']}, {_TOOLS[answers['tool']]}",
        "",
        "`teleport-bootstrap init` wrote these files, and `answers.yaml` has the answers that it was given. No file "
        "here holds a secret. To change something, edit that file, and in this directory run:",
        "",
        *_commands("teleport-bootstrap init . --answers answers.yaml --force"),
    ]
    for number, (title, body) in enumerate(steps, 1):
        lines += ["", f"## {number}. {title}", "", *body]
    return "\n".join(_wrapped(lines)) + "\n"


def _wrapped(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, those of prose not wider than a terminal."""
    is_code = False
    for line in lines:
        is_code ^= line.startswith("```")
        if is_code or not line or line.startswith(("```", "#")):
            yield line
        else:
            hang = "  " if line.startswith("- ") else ""
            yield from textwrap.wrap(
                line, _COLUMNS, subsequent_indent=hang, break_on_hyphens=False, break_long_words=False
            )


def stack(answers: Answers) -> str:
    """Return the name of the stack: letters, digits and hyphens, beginning with a letter."""
    name = answers["cluster"].replace(".", "-")
    return name if name[0].isalpha() else f"teleport-{name}"


Step = tuple[str, list[str]]


def _commands(*lines: str) -> list[str]:
    return ["```sh", *lines, "```"]


def _folders(answers: Answers) -> list[str]:
    return [confs.folder(role) for role in confs.roles(answers)]


def _checked(answers: Answers) -> Step:
    """Say how to check what the instances will get."""
    commands = []
    for folder in _folders(answers):
        commands.append(f"teleport-bootstrap validate --user-data {folder}/user-data.sh")
    commands.append(f"teleport-bootstrap plan --user-data {_folders(answers)[0]}/user-data.sh")
    about = "`plan` prints the teleport.yaml that an instance will have."
    if answers["tool"] != words.MANUAL:
        about += " The template writes the same conf, and adds what only it knows."
    return "Check the user-data", [about, "", *_commands(*commands)]


def _license(answers: Answers) -> Iterator[Step]:
    if questions.is_enterprise(answers):
        yield (
            "Put the license into SSM",
            [
                "The auth servers read it there. Keep it out of this directory and of user-data.",
                "",
                *_commands(
                    f"aws ssm put-parameter --region {answers['region']} --type SecureString --tier Advanced \\",
                    f"    --name /teleport/{answers['cluster']}/license --value file://license.pem",
                ),
            ],
        )


def _missing(answers: Answers) -> Iterator[Step]:
    """Say which answers were left for later, and what finds them."""
    found = _left_open(answers)
    if found:
        rows = [f"- `{name}` ({where}): {questions.BY_NAME[name].about}" for where, name in found.items()]
        about = "They are needed to create anything. Add them to `answers.yaml`, and run `init` again:"
        yield "Answer what was left open", [about, "", *rows]


def _left_open(answers: Answers) -> Mapping[str, str]:
    if answers["tool"] == words.MANUAL:
        return {}
    if answers["tool"] == words.CLOUDFORMATION:
        return cloudformation.missing(answers)
    return terraform.missing(answers)


def _created(answers: Answers) -> Iterator[Step]:
    if answers["tool"] == words.CLOUDFORMATION:
        yield "Create the stack", _with_cloudformation(answers)
    elif answers["tool"] == words.TERRAFORM:
        yield "Apply the module", _with_terraform(answers)
    else:
        yield "Create what the instances need", [*_things(answers)]
        yield "Launch the instances", [*_launched(answers)]


def _with_cloudformation(answers: Answers) -> list[str]:
    name, region = stack(answers), answers["region"]
    template = cloudformation.template(answers)
    about = (
        f"The template is `packaging/cloudformation/{template}` of teleport-bootstrap, whose package has it below "
        "/usr/share/doc/teleport-bootstrap; copy it here. It goes into the VPC that you have, and makes the "
        "certificate, load balancers, security groups, roles, tables and records. The command, which takes version 2 "
        "of the AWS CLI, ends when Teleport is healthy on each instance."
    )
    command = [
        f"aws cloudformation deploy --region {region} --stack-name {name} \\",
        f"    --template-file {template} --parameter-overrides file://{cloudformation.FILE} \\",
    ]
    if cloudformation.is_uploaded(answers):
        about += f" The template is too long for a request; put a bucket of yours in {region} in place of UPLOADS."
        command.append("    --s3-bucket UPLOADS \\")
    again = (
        f"If it fails, read why in the stack's events, and delete the stack before you try again: {_deleted(answers)}."
    )
    return [about, "", *_commands(*command, "    --capabilities CAPABILITY_IAM"), "", again]


def _deleted(answers: Answers) -> str:
    return f"`aws cloudformation delete-stack --region {answers['region']} --stack-name {stack(answers)}`"


def _with_terraform(answers: Answers) -> list[str]:
    place = f"teleport-bootstrap/packaging/terraform/examples/{terraform.module(answers)}"
    return [
        f"{place} is in a checkout of teleport-bootstrap, which these commands expect in this directory. With "
        "OpenTofu, the command is `tofu`.",
        "",
        *_commands(f"cp {terraform.FILE} {place}/", f"cd {place}", "terraform init", "terraform apply"),
    ]


def _things(answers: Answers) -> Iterator[str]:
    """Yield a list of what another tool has to make, with the names that are in the confs."""
    domain = answers["domain"]
    for folder in _folders(answers):
        yield f"- a role with the policy `{folder}/policy.json`, and an instance profile with that role"
    yield (
        "- in the same roles, what a session takes: the statement `SessionManager` in "
        "`packaging/cloudformation/starter.yaml` of teleport-bootstrap"
    )
    yield "- security groups that open the ports which docs/deploy.md of teleport-bootstrap lists, and no others"
    if questions.stores_in_aws(answers):
        names = ", ".join(f"`{name}`" for name in confs.tables(answers).values())
        yield f"- the DynamoDB tables {names}, as docs/guide.md of teleport-bootstrap describes them"
    if "bucket" in answers:
        yield f"- the S3 bucket `{answers['bucket']}`, with versions, encrypted and without public access"
    if answers["certificate"] == words.ACM:
        protocol = "HTTP" if answers["setup"] == words.STARTER else "HTTPS"
        yield (
            f"- a certificate of ACM for {domain}, and an application load balancer with it that listens on "
            f"{port_table.HTTPS}; its targets speak {protocol} on {port_table.WEB}, and answer health checks at "
            "`/webapi/ping` with 200 to 499"
        )
        yield f"- the record {domain} for that balancer"
        yield (
            f"- a network load balancer for the ports {port_table.PROXY_SSH}, {port_table.TUNNEL} and "
            f"{port_table.KUBERNETES}, with the record {confs.proxy_address(answers)}"
        )
    elif answers["setup"] == words.HA:
        yield (
            f"- a network load balancer in front of the proxies, with the record {domain}, that sends "
            f"{port_table.HTTPS} to {port_table.WEB}, and {port_table.PROXY_SSH}, {port_table.TUNNEL} and "
            f"{port_table.KUBERNETES} as they are"
        )
    else:
        yield f"- the records {domain} and {confs.auth_address(answers)} for the address of the instance, in Route 53"
    if _has_balancers(answers):
        yield (
            f"- a network load balancer for the port {port_table.AUTH} of auth servers, inside the VPC, with the "
            f"record {confs.auth_address(answers)}"
        )


def _launched(answers: Answers) -> Iterator[str]:
    yield "Each with its user-data, its instance profile, IMDSv2 required and tags allowed in instance metadata:"
    yield ""
    commands = []
    for role in confs.roles(answers):
        folder = confs.folder(role)
        commands += [
            f"aws ec2 run-instances --region {answers['region']} --image-id AMI --instance-type t3.medium \\",
            "    --subnet-id SUBNET --security-group-ids GROUP --iam-instance-profile Name=PROFILE \\",
            "    --metadata-options HttpTokens=required,InstanceMetadataTags=enabled \\",
            f"    --user-data file://{folder}/user-data.sh --tag-specifications \\",
            f"    'ResourceType=instance,Tags=[{{Key=Name,Value={_name_tag(answers, role)}}}]'",
        ]
    yield from _commands(*commands)
    if _has_balancers(answers):
        yield ""
        yield (
            "Register each with the target groups of its load balancers: with `aws elbv2 register-targets`, or by an "
            "auto scaling group that has them."
        )


def _has_balancers(answers: Answers) -> bool:
    return answers["setup"] == words.HA or answers["certificate"] == words.ACM


def _name_tag(answers: Answers, role: Role) -> str:
    return answers["cluster"] if role is Role.ALL else f"{answers['cluster']}-{role.value}"


def _session(answers: Answers) -> list[str]:
    """Return the commands that open a shell on an auth server."""
    name = _name_tag(answers, confs.roles(answers)[0])
    region = answers["region"]
    return [
        f"aws ec2 describe-instances --region {region} --output text \\",
        "    --query 'Reservations[].Instances[].InstanceId' \\",
        f"    --filters Name=tag:Name,Values={name} Name=instance-state-name,Values=running",
        f"aws ssm start-session --region {region} --target INSTANCE",
    ]


def _looked_at(answers: Answers) -> Step:
    return "Check the cluster", [
        "The first command prints the instances on which an auth server runs; put one of them in place of INSTANCE. "
        "The last two are typed in the session: they say whether Teleport is healthy, and what is wrong around it. A "
        "session takes the Session Manager plugin of the AWS CLI here, and the SSM Agent in the image.",
        "",
        *_commands(*_session(answers), "sudo teleport-bootstrap status", "sudo teleport-bootstrap doctor"),
    ]


def _first_user(answers: Answers) -> Step:
    body = [
        "In the same session. It prints a link, once: who opens it first becomes the administrator.",
        "",
        *_commands("sudo teleport-bootstrap first-admin NAME --logins ec2-user"),
    ]
    if answers["sign_in"] != "local":
        body += [
            "",
            f"Then create the connector for {answers['sign_in']}, without which no one else can sign in:",
            "",
            *_commands("sudo tctl create CONNECTOR.yaml"),
        ]
    return "Create the first administrator", body


def _backups(answers: Answers) -> Step:
    place = policies.backup_place(answers)
    if answers["setup"] == words.HA:
        return "Make a backup before each upgrade", [
            "The state is in the tables and the bucket, which keep earlier versions. This adds a backup of the tables "
            "and of the settings of an auth server, in the same session:",
            "",
            *_commands(f"sudo teleport-bootstrap backup {place}"),
        ]
    arguments = f"--keep 14 {place}" if place else "--keep 14"
    about = "In the same session, a backup each day"
    about += f" to {place}:" if place else ", on the instance's own disk. Copy them to another place:"
    return "Turn backups on", [
        about,
        "",
        *_commands(
            f"echo 'BACKUP_ARGUMENTS={arguments}' | sudo tee -a {paths.DEFAULTS}",
            f"sudo systemctl enable --now {unit_table.BACKUP.timer}",
        ),
    ]

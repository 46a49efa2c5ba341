"""The Terraform modules: what they would create, for each way to set the variables up."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from teleport_bootstrap import errors, port_table
from teleport_bootstrap.backup.stores.destination import Destination
from teleport_bootstrap.doctor.tables import table_kinds
from teleport_bootstrap.permissions import policy
from teleport_bootstrap.permissions.scope import Scope
from teleport_bootstrap.plan import activation, plan_model, requirements, services, teleport_build
from tests.terraform_module import evaluate as terraform
from tests.terraform_module.evaluate import DOMAIN, KEY, Block, Evaluated, evaluate
from tests.unit.plan import planning

CHECKOUT = Path(__file__).resolve().parents[2]
VERSION = "18.1.0"
BUILD = teleport_build.of_version(VERSION, fips=False)
HEADER, FOOTER = "#!/bin/bash\ncat >/etc/teleport.d/conf <<'EOF'\n", "EOF\n"

ACM = {"use_acm": True}
LETSENCRYPT = {"use_acm": False, "use_letsencrypt": True, "email": "ops@acmeinc.com"}
NO_CERTIFICATE = {"use_acm": False}
LICENSE = {"license_path": "/home/ops/license.pem"}
ALIAS = {"kms_alias_name": "alias/teleport"}
AWS_KEY = {"kms_alias_name": "alias/aws/ssm"}
DATABASES = {f"enable_{name}_listener": True for name in ("mongodb", "mysql", "postgres")}
NLB_ALIAS = {"route53_domain_acm_nlb_alias": "databases.acmeinc.com"}


_CERTIFICATES = {
    "starter": {"acm": ACM, "letsencrypt": LETSENCRYPT, "no-certificate": NO_CERTIFICATE},
    "ha": {"acm": ACM, "letsencrypt": {**NO_CERTIFICATE, "email": "ops@acmeinc.com"}},
}
_MORE = {
    "license": {**ALIAS, **LICENSE},
    "aws-key": AWS_KEY,
    "databases": {**ALIAS, **DATABASES},
    "tls-routing": {**AWS_KEY, **DATABASES, "use_tls_routing": True},
}
_DISK = {"state_store": "disk"}
_OWN_KEY = {"own-key": LICENSE, "nlb-alias": {**DATABASES, **NLB_ALIAS}}


def _cases() -> Iterator[Any]:
    """Yield a module and variables: each certificate with each store, key, license and kind of port."""
    for module, certificates in _CERTIFICATES.items():
        more = {**_MORE, **(_OWN_KEY if module == "ha" else {})}
        for (first, certificate), (second, others) in itertools.product(certificates.items(), more.items()):
            name = f"{module}-{first}-{second}"
            yield pytest.param(module, {**certificate, **others}, id=name)
            if second in ("license", "own-key"):
                in_china = {**certificate, **others, "region": terraform.CHINA}
                yield pytest.param(module, in_china, id=f"{name}-china")
            if module == "starter" and first != "letsencrypt":
                yield pytest.param(module, {**certificate, **others, **_DISK}, id=f"{name}-disk")


def conf_of(user_data: str) -> str:
    """Return the conf that user-data writes, which does nothing else."""
    assert user_data.startswith(HEADER) and user_data.endswith(FOOTER), user_data
    return user_data[len(HEADER) : -len(FOOTER)]


def _scope(variables: dict[str, Any]) -> Scope:
    return Scope(variables.get("region", terraform.REGION), terraform.ACCOUNT)


Allowed = set[tuple[str, str, frozenset[tuple[str, str, frozenset[str]]]]]


def printed(conf: str, variables: dict[str, Any]) -> Allowed:
    """Return what `iam-policy` prints for the conf, as actions on resources under conditions."""
    read = requirements.load(conf.encode(), "conf")
    has_key = variables.get("kms_alias_name") != "alias/aws/ssm"
    is_stored = "TELEPORT_DYNAMO_TABLE_NAME" in conf
    around = policy.Surroundings(
        KEY if has_key else None,
        KEY if has_key else None,
        terraform.ZONE,
        Destination(bucket="acme-teleport", prefix="backups/") if is_stored else None,
    )
    subject = policy.Subject(read, activation.plan(read, BUILD), BUILD, around)
    found: Allowed = set()
    for need in policy.needs(subject, _scope(variables)):
        conditions = frozenset((each.operator, each.key, frozenset(each.values)) for each in need.conditions)
        found |= {(need.action, arn, conditions) for arn in need.resources}
    return found


def created(document: Block) -> Allowed:
    found: Allowed = set()
    for statement in terraform.every_one(document["statement"]):
        conditions = frozenset(
            (each["test"], each["variable"], frozenset(each["values"]))
            for each in terraform.every_one(statement.get("condition"))
        )
        found |= {(action, arn, conditions) for action in statement["actions"] for arn in statement["resources"]}
    return found


_LEAVING = "elasticloadbalancing:DeregisterTargets"
_LEFT = "elasticloadbalancing:DescribeTargetHealth"


def _for_any_group(found: Allowed, role: str, scope: Scope) -> Allowed:
    """Return the same for every group, as `iam-policy` prints it, which does not know those of the role."""
    own = f"/{DOMAIN}-{role}"
    any_targets = scope.arn("elasticloadbalancing", "targetgroup/*/*")
    assert any(arn.endswith(own) for _, arn, _ in found)
    return {
        (action, any_targets if action == _LEAVING else re.sub(f"{re.escape(own)}$", "/*", arn), conditions)
        for action, arn, conditions in found
    }


DOCUMENTS = {
    "all-in-one": "module.policy.data.aws_iam_policy_document.auth",
    "auth": "module.policy.data.aws_iam_policy_document.auth",
    "proxy": "data.aws_iam_policy_document.proxy",
    "node": "data.aws_iam_policy_document.node",
}


@pytest.mark.parametrize(("module", "variables"), list(_cases()))
def test_every_role_may_do_what_iam_policy_prints_and_nothing_else(module: str, variables: dict[str, Any]) -> None:
    found = evaluate(module, **variables)
    assert not found.failed_conditions()
    documents = found.blocks("aws_iam_policy_document")
    for role, user_data in found.user_data().items():
        conf = conf_of(user_data)
        allowed = created(documents[DOCUMENTS[role]])
        if module == "ha":
            signal = created(documents[f"module.{role}.data.aws_iam_policy_document.signal"])
            allowed |= _for_any_group(signal, role, _scope(variables))
        wanted = printed(conf, variables)
        if role == "node":  # it has no target groups to leave
            wanted = {each for each in wanted if each[0] not in (_LEAVING, _LEFT)}
        assert allowed == wanted, role
        _judge_ports(found, role, planning.plan(conf, version=VERSION, region=terraform.REGION))


def _judge_ports(found: Evaluated, role: str, plan: plan_model.Plan) -> None:
    """Every target group leads to a port on which Teleport listens, and every listener has one."""
    notes = [str(each) for each in plan.notes if "has no effect" in str(each)]
    assert not notes, "a line of the conf that says nothing"
    if role == "node":
        return
    owner = {"auth": "auth", "proxy": "proxy"}.get(role)
    targets = {
        block["port"]
        for address, block in found.blocks("aws_lb_target_group").items()
        if owner is None or ("auth" in address) == (owner == "auth")
    }
    listening = {each.port for each in services.listeners(plan.document) if each.path[0] != "teleport"}
    reached = listening - {port_table.SSH}
    assert targets == reached, role


def test_the_policies_are_compared_at_all() -> None:
    found = created(evaluate("ha", **ACM).blocks("aws_iam_policy_document")[DOCUMENTS["auth"]])
    assert len(found) > 40
    assert not any(resource is None for _, resource, _ in found)


@pytest.mark.parametrize("module", terraform.MODULES)
def test_user_data_is_a_conf_that_validate_accepts(module: str, tmp_path: Path) -> None:
    for role, user_data in evaluate(module, **ACM, **LICENSE).user_data().items():
        path = tmp_path / f"{role}.sh"
        path.write_text(user_data)
        done = subprocess.run(
            [sys.executable, "-m", "teleport_bootstrap", "validate", "--user-data", path, "--format", "json"],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_tables_are_as_doctor_wants_them() -> None:
    found = evaluate("ha", **ACM).blocks("aws_dynamodb_table")
    for kind in table_kinds.KINDS:
        table = found[f"module.state.aws_dynamodb_table.{kind.name}"]
        types = {each["name"]: each["type"] for each in terraform.every_one(table["attribute"])}
        keys = [(part.name, types.pop(part.name)) for part in kind.keys]
        assert keys == [(part.name, part.type) for part in kind.keys]
        assert [table[name] for name in ("hash_key", "range_key")[: len(keys)]] == [part.name for part in kind.keys]
        if kind.index is not None:
            (index,) = terraform.every_one(table["global_secondary_index"])
            assert (index["name"], index["projection_type"]) == (kind.index.name, kind.index.projection)
            ends = [(index[name], types.pop(index[name])) for name in ("hash_key", "range_key")]
            assert ends == [(part.name, part.type) for part in kind.index.keys]
        assert not types
        assert (table.get("stream_view_type") == table_kinds.NEW_IMAGE) == kind.streams
        assert (table.get("ttl", {}).get("attribute_name") == table_kinds.EXPIRY) == kind.expires
        assert table.get("point_in_time_recovery", {}).get("enabled", False) == kind.lasts
        assert table.get("lifecycle", {}).get("prevent_destroy", False) == kind.lasts
        assert table["billing_mode"] == "PAY_PER_REQUEST"


def test_the_bucket_keeps_versions_is_private_and_is_not_destroyed() -> None:
    found = evaluate("ha", **ACM)
    (bucket,) = found.blocks("aws_s3_bucket").values()
    assert bucket["lifecycle"]["prevent_destroy"] is True
    (versions,) = found.blocks("aws_s3_bucket_versioning").values()
    assert versions["versioning_configuration"]["status"] == "Enabled"
    (block,) = found.blocks("aws_s3_bucket_public_access_block").values()
    names = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    assert all(block[name] is True for name in names)
    (encryption,) = found.blocks("aws_s3_bucket_server_side_encryption_configuration").values()
    assert encryption["rule"]["apply_server_side_encryption_by_default"]["kms_master_key_id"] == KEY


@pytest.mark.parametrize("module", terraform.MODULES)
def test_instances_take_version_2_of_metadata_only_with_tags_and_encrypted_disks(module: str) -> None:
    found = evaluate(module, **ACM)
    launched = {**found.blocks("aws_instance"), **found.blocks("aws_launch_template")}
    assert len(launched) == (1 if module == "starter" else 3)
    for block in launched.values():
        options = block["metadata_options"]
        assert (options["http_tokens"], options["instance_metadata_tags"]) == ("required", "enabled")
        disk = block.get("root_block_device") or block["block_device_mappings"]["ebs"]
        assert disk["encrypted"] is True


def test_an_instance_with_its_state_on_disk_is_not_replaced() -> None:
    (block,) = evaluate("starter", **ACM, state_store="disk").blocks("aws_instance").values()
    assert block["disable_api_termination"] is True
    assert block["user_data_replace_on_change"] is False
    assert block["root_block_device"]["delete_on_termination"] is False


def test_instances_count_once_teleport_is_healthy_and_are_replaced_one_by_one() -> None:
    found = evaluate("ha", **ACM)
    user_data = found.user_data()
    for address, group in found.blocks("aws_autoscaling_group").items():
        conf = conf_of(user_data[address.split(".")[1]])
        hook, draining = group["initial_lifecycle_hook"]
        assert f'TELEPORT_DRAIN_HOOK="{draining["name"]}"\n' in conf
        assert draining["default_result"] == "CONTINUE"
        assert group["name"] == f"{DOMAIN}-{address.split('.')[1]}"
        assert f'TELEPORT_SIGNAL="lifecycle:{hook["name"]}"\n' in conf
        assert hook["default_result"] == "ABANDON"
        assert group["health_check_type"] == "EC2", "as in the template"
        assert hook["heartbeat_timeout"] > 900, "the agent's own deadline is earlier"
        assert group["instance_refresh"]["preferences"]["min_healthy_percentage"] == 100
    off = evaluate("ha", **ACM, enable_auth_asg_instance_refresh=False)
    assert "instance_refresh" not in off.blocks("aws_autoscaling_group")["module.auth.aws_autoscaling_group.this"]


@pytest.mark.parametrize("module", terraform.MODULES)
def test_only_load_balancers_are_reached_from_outside(module: str) -> None:
    found = evaluate(module, **ACM, **DATABASES)
    opened: dict[str, set[int]] = {}
    for address, rule in found.blocks("aws_vpc_security_group_ingress_rule").items():
        assert rule["from_port"] == rule["to_port"]
        if "cidr_ipv4" in rule:
            opened.setdefault(address.split("[")[0].split(".")[-1], set()).add(rule["from_port"])
    databases = {port_table.MYSQL, port_table.POSTGRES, port_table.MONGODB}
    assert opened == {
        "web": {port_table.HTTPS},
        "auth": {port_table.AUTH},
        "proxy": {port_table.PROXY_SSH, port_table.TUNNEL, port_table.KUBERNETES, *databases},
    }


# EC2 API reference, CreateSecurityGroup: what a description may hold. There is no apostrophe.
_DESCRIPTION = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
# IAM's quota for all inline policies of a role, in characters without white space.
MOST_INLINE = 10240


@pytest.mark.parametrize("module", terraform.MODULES)
def test_ec2_takes_the_descriptions_of_security_groups_and_their_rules(module: str) -> None:
    found = evaluate(module, **ACM, **DATABASES)
    kinds = ("aws_security_group", "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
    described = [block["description"] for kind in kinds for block in found.blocks(kind).values()]
    assert len(described) > 20
    assert [each for each in described if not _DESCRIPTION.fullmatch(each)] == []


@pytest.mark.parametrize("region", [terraform.CHINA, "us-gov-west-1"])
@pytest.mark.parametrize("module", terraform.MODULES)
def test_the_policies_of_a_role_fit_into_it_with_the_longest_names(module: str, region: str) -> None:
    names = {
        "cluster_name": "c" * 63,
        "s3_bucket_name": "b" * 63,
        "route53_domain": f"{'d' * 63}.acmeinc.com",
        "region": region,
    }
    found = evaluate(module, **{**LETSENCRYPT, **ALIAS, **LICENSE, **names})
    documents = found.blocks("aws_iam_policy_document")
    for role in found.user_data():
        own = "data." if module == "starter" else f"module.{role}.data."
        more = [f"{own}aws_iam_policy_document.{name}" for name in ("signal", "session_manager")]
        lengths = [_length(documents[each], region) for each in (DOCUMENTS[role], *more) if each in documents]
        assert len(lengths) == (2 if module == "starter" else 3)
        assert sum(lengths) < MOST_INLINE, role


def _length(document: Block, region: str) -> int:
    """Return the length of a policy as the provider writes it, in characters without white space."""
    statements = []
    for each in terraform.every_one(document["statement"]):
        tests: dict[str, dict[str, Any]] = {}
        for part in terraform.every_one(each.get("condition")):
            tests.setdefault(part["test"], {})[part["variable"]] = _one_or_more(part["values"])
        resources = [_long_arn(arn, region) for arn in each["resources"]]
        written = {"Action": _one_or_more(each["actions"]), "Effect": "Allow", "Resource": _one_or_more(resources)}
        named = {"Sid": each["sid"]} if each.get("sid") else {}
        statements.append({**written, **({"Condition": tests} if tests else {}), **named})
    return len(json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":")))


def _long_arn(arn: str, region: str) -> str:
    """Return the longest ARN of the region for one that only AWS knows: of the KMS key, or of a target group."""
    scope = Scope(region, terraform.ACCOUNT)
    if arn == KEY:
        return scope.arn("kms", KEY.rpartition(":")[2])
    if arn == "*" or arn.startswith("arn:"):
        return arn
    return scope.arn("elasticloadbalancing", f"targetgroup/{'t' * 32}/{'0' * 16}")


def _one_or_more(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else values


@pytest.mark.parametrize("module", terraform.MODULES)
def test_what_stands_for_awss_answers_has_the_same_names(module: str) -> None:
    for folder in (module, "auth-policy", "instances"):
        text = (terraform.FOLDER / folder / "facts.tf").read_text(encoding="utf-8")
        block = text.split("locals {")[1]
        assert set(re.findall(r"^  (\w+) +=", block, re.MULTILINE)) == set(terraform.facts(terraform.REGION)[folder])


def test_the_license_is_not_in_the_state() -> None:
    found = evaluate("ha", **ACM, **LICENSE)
    assert not found.blocks("aws_ssm_parameter")
    assert "/home/ops/license.pem" not in str([block for _, _, block in found.resources()])


def test_a_conf_with_a_fault_would_be_found() -> None:
    with pytest.raises(errors.ConfInvalid):
        planning.plan(conf_of(f'{HEADER}TELEPORT_ROLE="{DOMAIN}"\n{FOOTER}'), version=VERSION)


def test_all_of_it_is_json() -> None:
    assert json.dumps([evaluate(module, **ACM).output("conf") for module in terraform.MODULES])

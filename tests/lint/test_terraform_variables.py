"""The variables of the Terraform modules: which values are refused, so that none is more than a value in the conf."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lint.test_terraform import ACM, LETSENCRYPT
from tests.terraform_module import evaluate as terraform
from tests.terraform_module.evaluate import evaluate

REFUSED = (
    ("starter", {"region": "Ireland"}, "A region is written"),
    ("starter", {"cluster_name": 'a"b'}, "The name has 3 to 63"),
    ("starter", {"cluster_name": "a$(id)b"}, "The name has 3 to 63"),
    ("starter", {"ami_name": ""}, "Name an image"),
    ("starter", {"route53_domain": "Teleport.acmeinc.com"}, "DNS name in lower case"),
    ("starter", {"s3_bucket_name": "Acme"}, "A bucket's name"),
    ("starter", {"s3_bucket_name": "acme..teleport"}, "A bucket's name"),
    ("starter", {"email": "nobody"}, "not a mail address"),
    ("starter", {"allowed_ingress_cidr_blocks": ["everyone"]}, "Write networks as"),
    ("starter", {"allowed_egress_cidr_blocks": ["everyone"]}, "Write networks as"),
    ("starter", {"allowed_ssh_ingress_cidr_blocks": ["everyone"]}, "Write networks as"),
    ("starter", {"allowed_auth_ingress_cidr_blocks": ["everyone"]}, "Write networks as"),
    ("starter", {"kms_alias_name": "teleport"}, "An alias is written"),
    ("starter", {"teleport_auth_type": "ldap"}, "local, github"),
    ("starter", {"vpc_id": "main"}, "A VPC is written"),
    ("starter", {"balancer_subnet_ids": ["subnet-0a"]}, "two subnets"),
    ("starter", {"instance_subnet_id": "private"}, "A subnet is written"),
    ("starter", {"certificate_arn": "arn:aws:iam::1:x"}, "not the ARN of a certificate"),
    ("starter", {"state_store": "etcd"}, "dynamodb or disk"),
    ("starter", {"volume_size": 1}, "8 to 16384"),
    ("starter", {"default_tags": {"Cost Center": "7"}}, "A tag's key"),
    ("ha", {"default_tags": {"Team": "core", "k8s.io/x": ""}}, "A tag's key"),
    ("ha", {"s3_bucket_name": ""}, "A bucket's name"),
    ("ha", {"s3_bucket_name": "192.168.1.1"}, "A bucket's name"),
    ("ha", {"route53_domain_acm_nlb_alias": "X.com"}, "DNS name in lower case"),
    ("ha", {"allowed_proxy_ingress_cidr_blocks": ["x"]}, "Write networks as"),
    ("ha", {"allowed_proxy_egress_cidr_blocks": ["x"]}, "Write networks as"),
    ("ha", {"allowed_auth_egress_cidr_blocks": ["x"]}, "Write networks as"),
    ("ha", {"allowed_node_egress_cidr_blocks": ["x"]}, "Write networks as"),
    ("ha", {"instance_subnet_ids": ["subnet-0a"]}, "two subnets"),
    ("ha", {"auth_instances": 0}, "There are 1 to 5"),
    ("ha", {"proxy_instances": 21}, "There are 1 to 20"),
    ("ha", {"node_instances": 1.5}, "There are 0 to 50"),
    ("ha", {"alarm_topic_arn": "topic"}, "not the ARN of a topic"),
)


@pytest.mark.parametrize(("module", "variables", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_refused(module: str, variables: dict[str, Any], message: str) -> None:
    assert any(message in each for each in evaluate(module, **{**ACM, **variables}).refused_variables())


@pytest.mark.parametrize("module", terraform.MODULES)
def test_each_validation_is_tried_and_takes_good_values(module: str) -> None:
    found = evaluate(module, **ACM, default_tags={"Cost-Center": "a b/c", "team:name": ""})
    assert found.refused_variables() == []
    declared = {name for name, block in found.variables().items() if "validation" in block}
    tried = {name for _, variables, _ in REFUSED for name in variables}
    assert declared <= tried


UNFIT = (
    ("starter", {"route53_zone": "example.com"}, "not within"),
    ("starter", {"route53_zone": "leport.acmeinc.com"}, "not within"),
    ("starter", {"route53_domain": f"{'a' * 53}.acmeinc.com"}, "at most 64"),
    ("starter", {"s3_bucket_name": ""}, "Set s3_bucket_name"),
    ("starter", {"use_acm": False, "use_letsencrypt": True}, "needs email"),
    ("starter", {**LETSENCRYPT, "state_store": "disk"}, "needs email, and the bucket"),
    ("ha", {"route53_zone": "example.com"}, "not within"),
    ("ha", {"route53_domain": f"{'a' * 53}.acmeinc.com"}, "at most 64"),
    ("ha", {"use_acm": False}, "or email"),
)


@pytest.mark.parametrize(("module", "variables", "message"), UNFIT, ids=lambda value: str(value)[:40])
def test_values_that_do_not_fit_together_are_refused(module: str, variables: dict[str, Any], message: str) -> None:
    found = evaluate(module, **{**ACM, **variables}).failed_conditions()
    assert [each for each in found if message in each] == found != []


@pytest.mark.parametrize("value", ["$(id)", "`id`", 'x"\nTELEPORT_ROLE=node', "x\nEOF\nid"])
def test_no_value_leaves_its_line_of_the_conf(value: str) -> None:
    names = ("region", "cluster_name", "route53_domain", "email", "s3_bucket_name", "teleport_auth_type")
    for name in names:
        assert evaluate("starter", **{**ACM, name: value}).refused_variables(), name
    assert evaluate("ha", **{**ACM, "route53_domain_acm_nlb_alias": value}).refused_variables()

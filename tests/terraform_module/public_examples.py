"""The variables of Teleport's public Terraform examples, by name and type.

Read in the repository gravitational/teleport, examples/aws/terraform/NAME/vars.tf, at 52a41f12 for the starter cluster
and as of the newest stored version for the HA cluster; older versions had those in OLDER too.
"""

from __future__ import annotations

STARTER = {
    "region": "string",
    "cluster_name": "string",
    "license_path": "string",
    "ami_name": "string",
    "route53_zone": "string",
    "route53_domain": "string",
    "add_wildcard_route53_record": "bool",
    "enable_mongodb_listener": "bool",
    "enable_mysql_listener": "bool",
    "enable_postgres_listener": "bool",
    "s3_bucket_name": "string",
    "email": "string",
    "key_name": "string",
    "use_letsencrypt": "bool",
    "use_acm": "bool",
    "use_tls_routing": "bool",
    "allowed_ssh_ingress_cidr_blocks": "list",
    "allowed_ingress_cidr_blocks": "list",
    "allowed_egress_cidr_blocks": "list",
    "kms_alias_name": "string",
    "cluster_instance_type": "string",
    "teleport_auth_type": "string",
}

HA = {
    "region": "string",
    "vpc_cidr": "string",
    "cluster_name": "string",
    "teleport_uid": "string",
    "auth_instance_type": "string",
    "proxy_instance_type": "string",
    "node_instance_type": "string",
    "bastion_instance_type": "string",
    "key_name": "string",
    "route53_zone": "string",
    "route53_domain": "string",
    "add_wildcard_route53_record": "bool",
    "enable_mongodb_listener": "bool",
    "enable_mysql_listener": "bool",
    "enable_postgres_listener": "bool",
    "email": "string",
    "s3_bucket_name": "string",
    "kms_alias_name": "string",
    "license_path": "string",
    "ami_name": "string",
    "autoscale_write_target": "string",
    "autoscale_read_target": "string",
    "autoscale_min_read_capacity": "string",
    "autoscale_max_read_capacity": "string",
    "autoscale_min_write_capacity": "string",
    "autoscale_max_write_capacity": "string",
    "use_acm": "bool",
    "use_tls_routing": "bool",
    "allowed_bastion_ssh_ingress_cidr_blocks": "list",
    "allowed_bastion_ssh_egress_cidr_blocks": "list",
    "allowed_proxy_ingress_cidr_blocks": "list",
    "allowed_proxy_egress_cidr_blocks": "list",
    "allowed_auth_egress_cidr_blocks": "list",
    "allowed_node_egress_cidr_blocks": "list",
    "internet_gateway_dest_cidr_block": "string",
    "auth_aws_route_dest_cidr_block": "string",
    "node_aws_route_dest_cidr_block": "string",
    "route53_domain_acm_nlb_alias": "string",
    "teleport_auth_type": "string",
    "default_tags": "map",
    "enable_auth_asg_instance_refresh": "bool",
    "enable_proxy_asg_instance_refresh": "bool",
    "enable_node_asg_instance_refresh": "bool",
}
OLDER = (
    *("monitor_instance_type", "influxdb_version", "telegraf_version", "grafana_version", "grafana_pass"),
    *("allowed_monitor_ingress_cidr_blocks", "allowed_monitor_egress_cidr_blocks"),
)

VARIABLES = {"starter": STARTER, "ha": HA}

_VPC = "`vpc_id`, `balancer_subnet_ids`, `instance_subnet_ids`: the cluster goes into a VPC that exists"
_BASTION = "`session_manager`: people log in through Session Manager, so that there is no bastion"
_CAPACITY = "nothing: the tables are paid by request, and DynamoDB follows the load"
_MONITORING = "[monitoring](../../docs/monitoring.md): the agent has numbers for Prometheus"
# Of the HA cluster.
REPLACED = {
    "vpc_cidr": _VPC,
    "internet_gateway_dest_cidr_block": _VPC,
    "auth_aws_route_dest_cidr_block": _VPC,
    "node_aws_route_dest_cidr_block": _VPC,
    "bastion_instance_type": _BASTION,
    "allowed_bastion_ssh_ingress_cidr_blocks": _BASTION,
    "allowed_bastion_ssh_egress_cidr_blocks": _BASTION,
    "teleport_uid": "nothing: the image has the account",
    **{name: _CAPACITY for name in HA if name.startswith("autoscale_")},
    **dict.fromkeys(OLDER, _MONITORING),
}
# Whose value of before means something else here.
DIFFERENT = {
    "ami_name": "The image has to have this agent, so that it is one of your own: see `ami_owners`, and "
    "[image building](../../docs/image-building.md).",
    "license_path": "The file is not read, since it would be in the state of Terraform: put it into SSM yourself, "
    "before the first `apply`.",
    "key_name": "It may be left out.",
    "kms_alias_name": "Its key encrypts the bucket too.",
    "allowed_ssh_ingress_cidr_blocks": "Port 22 is closed unless you name networks; there it is open to all.",
    "use_letsencrypt": "With `use_acm` too, ACM is used.",
    "enable_auth_asg_instance_refresh": "It is on unless you switch it off, as for proxies and nodes.",
}

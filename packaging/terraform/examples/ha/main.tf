# Copy this folder, and terraform.tfvars.example in it to terraform.tfvars.

provider "aws" {
  region = var.region
}

module "teleport" {
  source = "../../ha"

  region                            = var.region
  cluster_name                      = var.cluster_name
  ami_name                          = var.ami_name
  route53_zone                      = var.route53_zone
  route53_domain                    = var.route53_domain
  add_wildcard_route53_record       = var.add_wildcard_route53_record
  enable_mongodb_listener           = var.enable_mongodb_listener
  enable_mysql_listener             = var.enable_mysql_listener
  enable_postgres_listener          = var.enable_postgres_listener
  s3_bucket_name                    = var.s3_bucket_name
  email                             = var.email
  key_name                          = var.key_name
  use_acm                           = var.use_acm
  use_tls_routing                   = var.use_tls_routing
  route53_domain_acm_nlb_alias      = var.route53_domain_acm_nlb_alias
  auth_instance_type                = var.auth_instance_type
  proxy_instance_type               = var.proxy_instance_type
  node_instance_type                = var.node_instance_type
  allowed_proxy_ingress_cidr_blocks = var.allowed_proxy_ingress_cidr_blocks
  allowed_proxy_egress_cidr_blocks  = var.allowed_proxy_egress_cidr_blocks
  allowed_auth_egress_cidr_blocks   = var.allowed_auth_egress_cidr_blocks
  allowed_node_egress_cidr_blocks   = var.allowed_node_egress_cidr_blocks
  kms_alias_name                    = var.kms_alias_name
  teleport_auth_type                = var.teleport_auth_type
  license_path                      = var.license_path
  default_tags                      = var.default_tags
  enable_auth_asg_instance_refresh  = var.enable_auth_asg_instance_refresh
  enable_proxy_asg_instance_refresh = var.enable_proxy_asg_instance_refresh
  enable_node_asg_instance_refresh  = var.enable_node_asg_instance_refresh
  vpc_id                            = var.vpc_id
  balancer_subnet_ids               = var.balancer_subnet_ids
  instance_subnet_ids               = var.instance_subnet_ids
  allowed_auth_ingress_cidr_blocks  = var.allowed_auth_ingress_cidr_blocks
  ami_owners                        = var.ami_owners
  certificate_arn                   = var.certificate_arn
  auth_instances                    = var.auth_instances
  proxy_instances                   = var.proxy_instances
  node_instances                    = var.node_instances
  volume_size                       = var.volume_size
  session_manager                   = var.session_manager
  alarm_topic_arn                   = var.alarm_topic_arn
}

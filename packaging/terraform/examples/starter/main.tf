# Copy this folder, and terraform.tfvars.example in it to terraform.tfvars.

provider "aws" {
  region = var.region
}

module "teleport" {
  source = "../../starter"

  region                           = var.region
  cluster_name                     = var.cluster_name
  ami_name                         = var.ami_name
  route53_zone                     = var.route53_zone
  route53_domain                   = var.route53_domain
  add_wildcard_route53_record      = var.add_wildcard_route53_record
  enable_mongodb_listener          = var.enable_mongodb_listener
  enable_mysql_listener            = var.enable_mysql_listener
  enable_postgres_listener         = var.enable_postgres_listener
  s3_bucket_name                   = var.s3_bucket_name
  email                            = var.email
  key_name                         = var.key_name
  use_letsencrypt                  = var.use_letsencrypt
  use_acm                          = var.use_acm
  use_tls_routing                  = var.use_tls_routing
  allowed_ssh_ingress_cidr_blocks  = var.allowed_ssh_ingress_cidr_blocks
  allowed_ingress_cidr_blocks      = var.allowed_ingress_cidr_blocks
  allowed_egress_cidr_blocks       = var.allowed_egress_cidr_blocks
  kms_alias_name                   = var.kms_alias_name
  cluster_instance_type            = var.cluster_instance_type
  teleport_auth_type               = var.teleport_auth_type
  license_path                     = var.license_path
  default_tags                     = var.default_tags
  vpc_id                           = var.vpc_id
  balancer_subnet_ids              = var.balancer_subnet_ids
  instance_subnet_id               = var.instance_subnet_id
  allowed_auth_ingress_cidr_blocks = var.allowed_auth_ingress_cidr_blocks
  ami_owners                       = var.ami_owners
  certificate_arn                  = var.certificate_arn
  state_store                      = var.state_store
  volume_size                      = var.volume_size
  session_manager                  = var.session_manager
}

# What only AWS knows.

data "aws_partition" "current" {}

data "aws_ami" "this" {
  owners      = var.ami_owners
  most_recent = true

  filter {
    name   = "name"
    values = [var.ami_name]
  }
}

data "aws_route53_zone" "this" {
  name = var.route53_zone
}

data "aws_kms_alias" "this" {
  count = local.has_key ? 1 : 0
  name  = var.kms_alias_name
}

locals {
  dns_suffix  = data.aws_partition.current.dns_suffix
  ami_id      = data.aws_ami.this.id
  zone_id     = data.aws_route53_zone.this.zone_id
  kms_key_arn = one(data.aws_kms_alias.this[*].target_key_arn)
}

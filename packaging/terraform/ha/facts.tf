# What only AWS knows.

data "aws_caller_identity" "current" {}

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
  count = local.uses_alias ? 1 : 0
  name  = var.kms_alias_name
}

locals {
  account_id       = data.aws_caller_identity.current.account_id
  partition        = data.aws_partition.current.partition
  image_id         = data.aws_ami.this.id
  root_device_name = data.aws_ami.this.root_device_name
  zone_id          = data.aws_route53_zone.this.zone_id
  kms_key_arn      = one(concat(aws_kms_key.this[*].arn, data.aws_kms_alias.this[*].target_key_arn))
}

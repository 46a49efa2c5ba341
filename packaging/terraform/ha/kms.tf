locals {
  aws_alias  = "alias/aws/ssm"
  makes_key  = var.kms_alias_name == ""
  uses_alias = !local.makes_key && var.kms_alias_name != local.aws_alias
  has_key    = local.makes_key || local.uses_alias
}

# Its policy leaves all decisions to IAM, as that of a key made in the console.
data "aws_iam_policy_document" "key" {
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }
}

# Without it, tokens, the license and recordings cannot be read again.
resource "aws_kms_key" "this" {
  count               = local.makes_key ? 1 : 0
  description         = "Parameters and bucket of the Teleport cluster ${var.cluster_name}"
  enable_key_rotation = true
  policy              = data.aws_iam_policy_document.key.json
  tags                = merge(local.tags, { Name = var.cluster_name })

  lifecycle {
    prevent_destroy = true
  }
}

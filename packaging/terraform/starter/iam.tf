module "policy" {
  source = "../auth-policy"

  region             = var.region
  cluster_name       = var.cluster_name
  domain             = var.route53_domain
  license            = var.license_path != ""
  letsencrypt        = local.letsencrypt
  zone_id            = local.zone_id
  state_table        = local.is_stored ? local.state.state_table : null
  events_table       = local.is_stored ? local.state.events_table : null
  locks_table        = local.letsencrypt ? local.state.locks_table : null
  bucket             = local.is_stored ? local.state.bucket : null
  parameters_key_arn = local.kms_key_arn
  bucket_key_arn     = local.kms_key_arn
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.${local.dns_suffix}"]
    }
  }
}

resource "aws_iam_role" "this" {
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = merge(local.tags, { Name = var.cluster_name })
}

resource "aws_iam_role_policy" "this" {
  name   = "teleport"
  role   = aws_iam_role.this.id
  policy = module.policy.json
}

# What Session Manager and Run Command need. AWS's own AmazonSSMManagedInstanceCore would let it read all parameters of
# the account.
data "aws_iam_policy_document" "session_manager" {
  statement {
    sid = "Sessions"
    actions = [
      "ec2messages:AcknowledgeMessage",
      "ec2messages:DeleteMessage",
      "ec2messages:FailMessage",
      "ec2messages:GetEndpoint",
      "ec2messages:GetMessages",
      "ec2messages:SendReply",
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "session_manager" {
  count  = var.session_manager ? 1 : 0
  name   = "session-manager"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.session_manager.json
}

resource "aws_iam_instance_profile" "this" {
  role = aws_iam_role.this.name
  tags = local.tags
}

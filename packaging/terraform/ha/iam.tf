module "policy" {
  source = "../auth-policy"

  region             = var.region
  cluster_name       = var.cluster_name
  domain             = var.route53_domain
  license            = var.license_path != ""
  letsencrypt        = local.letsencrypt
  zone_id            = local.zone_id
  state_table        = module.state.state_table
  events_table       = module.state.events_table
  locks_table        = module.state.locks_table
  bucket             = module.state.bucket
  parameters_key_arn = local.has_key ? local.kms_key_arn : null
  bucket_key_arn     = local.has_key ? local.kms_key_arn : null
}

# As `teleport-bootstrap iam-policy --as terraform` prints it for proxies and nodes. A test compares both.

locals {
  parameters   = "arn:${local.partition}:ssm:${var.region}:${local.account_id}:parameter/teleport/${var.cluster_name}"
  pins         = "${local.parameters}/ca-pin-hash"
  proxy_token  = "${local.parameters}/tokens/proxy"
  node_token   = "${local.parameters}/tokens/node"
  bucket       = "arn:${local.partition}:s3:::${module.state.bucket}"
  domains      = local.partition == "aws-cn" ? ["amazonaws.com", "amazonaws.com.cn"] : ["amazonaws.com"]
  in_ssm       = [for domain in local.domains : "ssm.${var.region}.${domain}"]
  in_s3        = [for domain in local.domains : "s3.${var.region}.${domain}"]
  certificates = ["live/${var.route53_domain}/*", "archive/${var.route53_domain}/*"]
}

data "aws_iam_policy_document" "proxy" {
  statement {
    sid       = "Parameters"
    actions   = ["ssm:GetParameters"]
    resources = [local.proxy_token, local.pins]
  }

  dynamic "statement" {
    for_each = local.has_key ? [1] : []

    content {
      sid       = "Token"
      actions   = ["kms:Decrypt"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.in_ssm
      }

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:PARAMETER_ARN"
        values   = [local.proxy_token]
      }
    }
  }

  dynamic "statement" {
    for_each = local.letsencrypt ? [1] : []

    content {
      sid       = "CertificateList"
      actions   = ["s3:ListBucket"]
      resources = [local.bucket]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = local.certificates
      }
    }
  }

  dynamic "statement" {
    for_each = local.letsencrypt ? [1] : []

    content {
      sid       = "CertificateFiles"
      actions   = ["s3:GetObject"]
      resources = [for each in local.certificates : "${local.bucket}/${each}"]
    }
  }

  dynamic "statement" {
    for_each = local.letsencrypt && local.has_key ? [1] : []

    content {
      sid       = "BucketKey"
      actions   = ["kms:Decrypt"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.in_s3
      }
    }
  }
}

data "aws_iam_policy_document" "node" {
  statement {
    sid       = "Parameters"
    actions   = ["ssm:GetParameters"]
    resources = [local.node_token, local.pins]
  }

  dynamic "statement" {
    for_each = local.has_key ? [1] : []

    content {
      sid       = "Token"
      actions   = ["kms:Decrypt"]
      resources = [local.kms_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.in_ssm
      }

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:PARAMETER_ARN"
        values   = [local.node_token]
      }
    }
  }
}

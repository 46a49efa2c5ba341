# What `teleport-bootstrap iam-policy --as terraform` prints for an auth server, with what varies. A test compares both.
# Statements have no `sid`: IAM counts it among the 10,240 characters that a role may have, and long names need them.

locals {
  parameters  = "arn:${local.partition}:ssm:${var.region}:${local.account_id}:parameter/teleport/${var.cluster_name}"
  tokens      = [for kind in ["proxy", "node", "kube", "app", "db"] : "${local.parameters}/tokens/${kind}"]
  pins        = "${local.parameters}/ca-pin-hash"
  tables      = "arn:${local.partition}:dynamodb:${var.region}:${local.account_id}:table"
  bucket      = var.bucket == null ? "" : "arn:${local.partition}:s3:::${var.bucket}"
  state       = var.state_table == null ? "" : "${local.tables}/${var.state_table}"
  events      = var.events_table == null ? "" : "${local.tables}/${var.events_table}"
  licenses    = var.license ? ["${local.parameters}/license"] : []
  has_tables  = var.state_table != null
  has_bucket  = var.bucket != null
  letsencrypt = var.letsencrypt && local.has_bucket
  domains     = local.partition == "aws-cn" ? ["amazonaws.com", "amazonaws.com.cn"] : ["amazonaws.com"]
  in_ssm      = [for domain in local.domains : "ssm.${var.region}.${domain}"]
  in_s3       = [for domain in local.domains : "s3.${var.region}.${domain}"]

  certificates = [
    "live/${lower(var.domain)}/*",
    "archive/${lower(var.domain)}/*",
    "renewal/${lower(var.domain)}.conf",
    "accounts/*",
  ]
}

data "aws_iam_policy_document" "auth" {
  statement {
    actions   = ["ssm:GetParameters"]
    resources = concat(local.licenses, local.tokens, [local.pins])
  }

  statement {
    actions   = ["ssm:PutParameter"]
    resources = concat(local.tokens, [local.pins])
  }

  dynamic "statement" {
    for_each = var.license && var.parameters_key_arn != null ? [var.parameters_key_arn] : []

    content {
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.in_ssm
      }

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:PARAMETER_ARN"
        values   = local.licenses
      }
    }
  }

  dynamic "statement" {
    for_each = var.parameters_key_arn == null ? [] : [var.parameters_key_arn]

    content {
      actions   = ["kms:Encrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.in_ssm
      }

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:PARAMETER_ARN"
        values   = local.tokens
      }
    }
  }

  dynamic "statement" {
    for_each = var.locks_table == null ? [] : [var.locks_table]

    content {
      actions   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
      resources = ["${local.tables}/${statement.value}"]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "dynamodb:LeadingKeys"
        values   = ["/auth/servers"]
      }

      condition {
        test     = "Null"
        variable = "dynamodb:LeadingKeys"
        values   = ["false"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.letsencrypt ? [1] : []

    content {
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
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = [for each in local.certificates : "${local.bucket}/${each}"]
    }
  }

  dynamic "statement" {
    for_each = local.letsencrypt ? [1] : []

    content {
      actions   = ["route53:ListHostedZones"]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = local.letsencrypt ? [1] : []

    content {
      actions   = ["route53:GetChange"]
      resources = ["arn:${local.partition}:route53:::change/*"]
    }
  }

  dynamic "statement" {
    for_each = local.letsencrypt ? [1] : []

    content {
      actions   = ["route53:ChangeResourceRecordSets"]
      resources = ["arn:${local.partition}:route53:::hostedzone/${var.zone_id}"]

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
        values   = ["_acme-challenge.${lower(var.domain)}"]
      }

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "route53:ChangeResourceRecordSetsRecordTypes"
        values   = ["TXT"]
      }

      condition {
        test     = "ForAllValues:StringEquals"
        variable = "route53:ChangeResourceRecordSetsActions"
        values   = ["UPSERT", "DELETE"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.has_bucket && var.bucket_key_arn != null ? [var.bucket_key_arn] : []

    content {
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = local.in_s3
      }
    }
  }

  dynamic "statement" {
    for_each = local.has_bucket ? [1] : []

    content {
      actions   = ["s3:ListBucket"]
      resources = [local.bucket]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = ["backups/teleport-*"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.has_bucket ? [1] : []

    content {
      actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = ["${local.bucket}/backups/teleport-*"]
    }
  }

  dynamic "statement" {
    for_each = local.has_tables ? [1] : []

    content {
      actions   = ["dynamodb:CreateBackup"]
      resources = [local.state, local.events]
    }
  }

  dynamic "statement" {
    for_each = local.has_tables ? [1] : []

    content {
      actions   = ["dynamodb:DescribeBackup"]
      resources = ["${local.state}/backup/*", "${local.events}/backup/*"]
    }
  }

  dynamic "statement" {
    for_each = local.has_tables ? [1] : []

    content {
      actions = [
        "dynamodb:BatchWriteItem",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:PutItem",
      ]
      resources = [local.state, local.events]
    }
  }

  dynamic "statement" {
    for_each = local.has_tables ? [1] : []

    content {
      actions = [
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:UpdateItem",
      ]
      resources = [local.state]
    }
  }

  dynamic "statement" {
    for_each = local.has_tables ? [1] : []

    content {
      actions   = ["dynamodb:Query"]
      resources = [local.state, local.events, "${local.events}/index/*"]
    }
  }

  dynamic "statement" {
    for_each = local.has_tables ? [1] : []

    content {
      actions   = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
      resources = ["${local.state}/stream/*"]
    }
  }

  dynamic "statement" {
    for_each = local.has_bucket ? [1] : []

    content {
      actions = [
        "s3:GetBucketVersioning",
        "s3:GetEncryptionConfiguration",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListBucketVersions",
      ]
      resources = [local.bucket]
    }
  }

  dynamic "statement" {
    for_each = local.has_bucket ? [1] : []

    content {
      actions = [
        "s3:AbortMultipartUpload",
        "s3:GetObject",
        "s3:GetObjectRetention",
        "s3:GetObjectVersion",
        "s3:ListMultipartUploadParts",
        "s3:PutObject",
      ]
      resources = ["${local.bucket}/records/*"]
    }
  }
}

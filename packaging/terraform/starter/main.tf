# One instance that runs auth server, proxy and node, and the load balancers in front of it.

locals {
  aws_alias   = "alias/aws/ssm"
  tags        = merge(var.default_tags, { "teleport:cluster" = var.cluster_name })
  is_stored   = var.state_store == "dynamodb"
  letsencrypt = var.use_letsencrypt && !var.use_acm
  auth_name   = "auth.${var.route53_domain}"
  proxy_name  = "nlb.${var.route53_domain}"
  state       = one(module.state)
  has_key     = var.kms_alias_name != local.aws_alias

  settings = [
    ["USE_ACM", var.use_acm ? "true" : ""],
    ["USE_LETSENCRYPT", local.letsencrypt ? "true" : ""],
    ["TELEPORT_ACM_TARGET_PROTOCOL", local.web_protocol == "HTTPS" ? "https" : ""],
    ["USE_TLS_ROUTING", var.use_tls_routing ? "true" : ""],
    ["EC2_REGION", var.region],
    ["TELEPORT_CLUSTER_NAME", var.cluster_name],
    ["TELEPORT_DOMAIN_NAME", var.route53_domain],
    ["TELEPORT_DOMAIN_ADMIN_EMAIL", local.letsencrypt ? var.email : ""],
    ["TELEPORT_EXTERNAL_HOSTNAME", var.route53_domain],
    ["TELEPORT_EXTERNAL_PORT", "443"],
    ["TELEPORT_AUTH_SERVER_LB", local.auth_name],
    ["TELEPORT_PROXY_SERVER_LB", local.has_proxy_name ? local.proxy_name : ""],
    ["TELEPORT_ENABLE_MONGODB", contains(keys(local.ports), "mongodb") ? "true" : ""],
    ["TELEPORT_ENABLE_MYSQL", contains(keys(local.ports), "mysql") ? "true" : ""],
    ["TELEPORT_ENABLE_POSTGRES", contains(keys(local.ports), "postgres") ? "true" : ""],
    ["TELEPORT_AUTH_TYPE", var.teleport_auth_type],
    ["TELEPORT_LICENSE_PATH", var.license_path == "" ? "" : "yes"],
    ["TELEPORT_SSM_KMS_KEY_ID", local.has_key ? local.kms_key_arn : ""],
    ["TELEPORT_DYNAMO_TABLE_NAME", local.is_stored ? local.state.state_table : ""],
    ["TELEPORT_DYNAMO_EVENTS_TABLE_NAME", local.is_stored ? local.state.events_table : ""],
    ["TELEPORT_LOCKS_TABLE_NAME", local.letsencrypt ? local.state.locks_table : ""],
    ["TELEPORT_S3_BUCKET", local.is_stored ? local.state.bucket : ""],
  ]

  conf = join("", [for each in local.settings : "${each[0]}=\"${each[1]}\"\n" if each[1] != ""])
}

module "state" {
  source = "../state"
  count  = local.is_stored ? 1 : 0

  cluster_name = var.cluster_name
  bucket_name  = var.s3_bucket_name
  kms_key_arn  = local.kms_key_arn
  tags         = local.tags
}

resource "aws_instance" "this" {
  ami                    = local.ami_id
  instance_type          = var.cluster_instance_type
  subnet_id              = var.instance_subnet_id
  vpc_security_group_ids = [aws_security_group.instance.id]
  iam_instance_profile   = aws_iam_instance_profile.this.name
  key_name               = var.key_name == "" ? null : var.key_name
  ebs_optimized          = true
  monitoring             = true
  tags                   = merge(local.tags, { Name = var.cluster_name })
  volume_tags            = local.tags

  user_data = "#!/bin/bash\ncat >/etc/teleport.d/conf <<'EOF'\n${local.conf}EOF\n"

  # User-data runs at the first boot only. An instance with its state on its disk must not be replaced.
  user_data_replace_on_change = local.is_stored
  disable_api_termination     = !local.is_stored

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  root_block_device {
    volume_type           = "gp3"
    volume_size           = var.volume_size
    encrypted             = true
    delete_on_termination = local.is_stored
  }

  lifecycle {
    precondition {
      condition     = var.route53_domain == var.route53_zone || endswith(var.route53_domain, ".${var.route53_zone}")
      error_message = "route53_domain is not within route53_zone."
    }

    precondition {
      condition     = !local.requests_certificate || length(var.route53_domain) <= 64
      error_message = "ACM takes a domain of at most 64 characters."
    }

    precondition {
      condition     = !local.is_stored || var.s3_bucket_name != ""
      error_message = "Set s3_bucket_name, or state_store = \"disk\"."
    }

    precondition {
      condition     = !local.letsencrypt || (local.is_stored && var.email != "")
      error_message = "Let's Encrypt needs email, and the bucket of state_store = \"dynamodb\"."
    }
  }

  # The agent calls these as soon as it boots.
  depends_on = [aws_iam_role_policy.this]
}

locals {
  requests_certificate = var.use_acm && var.certificate_arn == ""
  certificate_arn      = local.requests_certificate ? module.names.certificate_arn : var.certificate_arn
}

module "names" {
  source = "../names"

  zone_id              = local.zone_id
  domain               = var.route53_domain
  has_wildcard         = var.add_wildcard_route53_record
  requests_certificate = local.requests_certificate
  web                  = one(var.use_acm ? aws_lb.web : aws_lb.proxy)
  auth_name            = local.auth_name
  auth                 = aws_lb.auth
  proxy_name           = local.has_proxy_name ? local.proxy_name : ""
  proxy                = one(local.has_proxy_name ? aws_lb.proxy : aws_lb.auth[*])
  tags                 = merge(local.tags, { Name = var.cluster_name })
}

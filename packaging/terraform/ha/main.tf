# Auto scaling groups of auth servers, proxies and nodes. They share their state in DynamoDB and S3.

locals {
  tags        = merge(var.default_tags, { "teleport:cluster" = var.cluster_name })
  letsencrypt = !var.use_acm
  hook        = "teleport-healthy"
  drain_hook  = "drain"
  auth_name   = "auth.${var.route53_domain}"
  has_alias   = var.route53_domain_acm_nlb_alias != "" && local.has_proxy_name
  proxy_name  = local.has_alias ? var.route53_domain_acm_nlb_alias : "nlb.${var.route53_domain}"
  certificate = local.letsencrypt ? ["USE_LETSENCRYPT", "true"] : ["USE_ACM", "true"]

  cluster = [
    ["EC2_REGION", var.region],
    ["TELEPORT_CLUSTER_NAME", var.cluster_name],
    ["TELEPORT_AUTH_SERVER_LB", local.auth_name],
    ["TELEPORT_SIGNAL", "lifecycle:${local.hook}"],
    ["TELEPORT_DRAIN_HOOK", local.drain_hook],
  ]

  settings = {
    auth = concat([["TELEPORT_ROLE", "auth"]], local.cluster, [
      local.certificate,
      ["USE_TLS_ROUTING", var.use_tls_routing ? "true" : ""],
      ["TELEPORT_DOMAIN_NAME", var.route53_domain],
      ["TELEPORT_DOMAIN_ADMIN_EMAIL", local.letsencrypt ? var.email : ""],
      ["TELEPORT_AUTH_TYPE", var.teleport_auth_type],
      ["TELEPORT_LICENSE_PATH", var.license_path == "" ? "" : "yes"],
      ["TELEPORT_SSM_KMS_KEY_ID", local.has_key ? local.kms_key_arn : ""],
      ["TELEPORT_DYNAMO_TABLE_NAME", module.state.state_table],
      ["TELEPORT_DYNAMO_EVENTS_TABLE_NAME", module.state.events_table],
      ["TELEPORT_LOCKS_TABLE_NAME", module.state.locks_table],
      ["TELEPORT_S3_BUCKET", module.state.bucket],
    ])

    proxy = concat([["TELEPORT_ROLE", "proxy"]], local.cluster, [
      local.certificate,
      ["USE_TLS_ROUTING", var.use_tls_routing ? "true" : ""],
      ["TELEPORT_DOMAIN_NAME", var.route53_domain],
      ["TELEPORT_PROXY_SERVER_LB", local.has_proxy_name && !local.has_alias ? local.proxy_name : ""],
      ["TELEPORT_PROXY_SERVER_NLB_ALIAS", local.has_alias ? local.proxy_name : ""],
      ["TELEPORT_ENABLE_MONGODB", contains(keys(local.ports), "mongodb") ? "true" : ""],
      ["TELEPORT_ENABLE_MYSQL", contains(keys(local.ports), "mysql") ? "true" : ""],
      ["TELEPORT_ENABLE_POSTGRES", contains(keys(local.ports), "postgres") ? "true" : ""],
      ["TELEPORT_S3_BUCKET", local.letsencrypt ? module.state.bucket : ""],
    ])

    node = concat([["TELEPORT_ROLE", "node"]], local.cluster)
  }

  conf = { for role, lines in local.settings :
    role => join("", [for each in lines : "${each[0]}=\"${each[1]}\"\n" if each[1] != ""])
  }
}

module "state" {
  source = "../state"

  cluster_name = var.cluster_name
  bucket_name  = var.s3_bucket_name
  kms_key_arn  = local.has_key ? local.kms_key_arn : null
  tags         = local.tags
}

module "auth" {
  source = "../instances"

  region            = var.region
  cluster_name      = var.cluster_name
  role              = "auth"
  conf              = local.conf["auth"]
  policy_json       = module.policy.json
  number            = var.auth_instances
  image_id          = local.image_id
  root_device_name  = local.root_device_name
  instance_type     = var.auth_instance_type
  volume_size       = var.volume_size
  subnet_ids        = var.instance_subnet_ids
  security_group_id = aws_security_group.instances["auth"].id
  is_balanced       = true
  target_group_arns = [aws_lb_target_group.auth.arn]
  key_name          = var.key_name
  hook              = local.hook
  drain_hook        = local.drain_hook
  refreshes         = var.enable_auth_asg_instance_refresh
  session_manager   = var.session_manager
  tags              = local.tags
}

module "proxy" {
  source = "../instances"

  region            = var.region
  cluster_name      = var.cluster_name
  role              = "proxy"
  conf              = local.conf["proxy"]
  policy_json       = data.aws_iam_policy_document.proxy.json
  number            = var.proxy_instances
  image_id          = local.image_id
  root_device_name  = local.root_device_name
  instance_type     = var.proxy_instance_type
  volume_size       = var.volume_size
  subnet_ids        = var.instance_subnet_ids
  security_group_id = aws_security_group.instances["proxy"].id
  is_balanced       = true
  target_group_arns = concat([for each in aws_lb_target_group.web : each.arn], [for each in aws_lb_target_group.proxy : each.arn])
  key_name          = var.key_name
  hook              = local.hook
  drain_hook        = local.drain_hook
  refreshes         = var.enable_proxy_asg_instance_refresh
  session_manager   = var.session_manager
  tags              = local.tags

  # An instance that asks for the name too early is told for 15 minutes that there is none.
  depends_on = [module.names, aws_lb_listener.auth]
}

module "node" {
  source = "../instances"

  region            = var.region
  cluster_name      = var.cluster_name
  role              = "node"
  conf              = local.conf["node"]
  policy_json       = data.aws_iam_policy_document.node.json
  number            = var.node_instances
  image_id          = local.image_id
  root_device_name  = local.root_device_name
  instance_type     = var.node_instance_type
  volume_size       = var.volume_size
  subnet_ids        = var.instance_subnet_ids
  security_group_id = aws_security_group.instances["node"].id
  is_balanced       = false
  target_group_arns = []
  key_name          = var.key_name
  hook              = local.hook
  drain_hook        = local.drain_hook
  refreshes         = var.enable_node_asg_instance_refresh
  session_manager   = var.session_manager
  tags              = local.tags

  # An instance that asks for the name too early is told for 15 minutes that there is none.
  depends_on = [module.names, aws_lb_listener.auth]
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

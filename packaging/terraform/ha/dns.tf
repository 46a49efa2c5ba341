locals {
  requests_certificate = var.use_acm && var.certificate_arn == ""
  certificate_arn      = local.requests_certificate ? aws_acm_certificate_validation.this[0].certificate_arn : var.certificate_arn
  wildcard             = "*.${var.route53_domain}"
  names                = var.add_wildcard_route53_record ? [var.route53_domain, local.wildcard] : [var.route53_domain]
}

resource "aws_acm_certificate" "this" {
  count                     = local.requests_certificate ? 1 : 0
  domain_name               = var.route53_domain
  subject_alternative_names = var.add_wildcard_route53_record ? [local.wildcard] : []
  validation_method         = "DNS"
  tags                      = merge(local.tags, { Name = var.cluster_name })

  lifecycle {
    create_before_destroy = true
  }
}

# A domain and the names below it are validated by the same record.
resource "aws_route53_record" "validation" {
  count           = local.requests_certificate ? 1 : 0
  zone_id         = local.zone_id
  name            = tolist(aws_acm_certificate.this[0].domain_validation_options)[0].resource_record_name
  type            = tolist(aws_acm_certificate.this[0].domain_validation_options)[0].resource_record_type
  records         = [tolist(aws_acm_certificate.this[0].domain_validation_options)[0].resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count                   = local.requests_certificate ? 1 : 0
  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = aws_route53_record.validation[*].fqdn
}

resource "aws_route53_record" "web" {
  for_each = toset(local.names)
  zone_id  = local.zone_id
  name     = each.value
  type     = "A"

  alias {
    name                   = var.use_acm ? aws_lb.web[0].dns_name : aws_lb.proxy[0].dns_name
    zone_id                = var.use_acm ? aws_lb.web[0].zone_id : aws_lb.proxy[0].zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "auth" {
  zone_id = local.zone_id
  name    = local.auth_name
  type    = "A"

  alias {
    name                   = aws_lb.auth.dns_name
    zone_id                = aws_lb.auth.zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "proxy" {
  count   = local.has_proxy_name ? 1 : 0
  zone_id = local.zone_id
  name    = local.proxy_name
  type    = "A"

  alias {
    name                   = aws_lb.proxy[0].dns_name
    zone_id                = aws_lb.proxy[0].zone_id
    evaluate_target_health = false
  }
}

# The names of a cluster in Route 53, and the certificate for them.

locals {
  wildcard = "*.${var.domain}"
  names    = var.has_wildcard ? [var.domain, local.wildcard] : [var.domain]
}

resource "aws_acm_certificate" "this" {
  count                     = var.requests_certificate ? 1 : 0
  domain_name               = var.domain
  subject_alternative_names = var.has_wildcard ? [local.wildcard] : []
  validation_method         = "DNS"
  tags                      = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

# A domain and the names below it are validated by the same record.
resource "aws_route53_record" "validation" {
  count           = var.requests_certificate ? 1 : 0
  zone_id         = var.zone_id
  name            = tolist(aws_acm_certificate.this[0].domain_validation_options)[0].resource_record_name
  type            = tolist(aws_acm_certificate.this[0].domain_validation_options)[0].resource_record_type
  records         = [tolist(aws_acm_certificate.this[0].domain_validation_options)[0].resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count                   = var.requests_certificate ? 1 : 0
  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = aws_route53_record.validation[*].fqdn
}

resource "aws_route53_record" "web" {
  for_each = toset(local.names)
  zone_id  = var.zone_id
  name     = each.value
  type     = "A"

  alias {
    name                   = var.web.dns_name
    zone_id                = var.web.zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "auth" {
  zone_id = var.zone_id
  name    = var.auth_name
  type    = "A"

  alias {
    name                   = var.auth.dns_name
    zone_id                = var.auth.zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "proxy" {
  count   = var.proxy_name == "" ? 0 : 1
  zone_id = var.zone_id
  name    = var.proxy_name
  type    = "A"

  alias {
    name                   = var.proxy.dns_name
    zone_id                = var.proxy.zone_id
    evaluate_target_health = false
  }
}

# What concerns several variables.

resource "terraform_data" "variables" {
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
      condition     = var.use_acm || var.email != ""
      error_message = "Set use_acm = true, or email for Let's Encrypt."
    }
  }
}

locals {
  # What the network load balancer for people and agents listens on, and where it sends that on a proxy.
  ports = merge(
    var.use_acm ? {} : { web = { listener = 443, target = 3080 } },
    var.use_tls_routing ? {} : merge(
      {
        ssh        = { listener = 3023, target = 3023 }
        tunnel     = { listener = 3024, target = 3024 }
        kubernetes = { listener = 3026, target = 3026 }
      },
      var.enable_mongodb_listener ? { mongodb = { listener = 27017, target = 27017 } } : {},
      var.enable_mysql_listener ? { mysql = { listener = 3036, target = 3036 } } : {},
      var.enable_postgres_listener ? { postgres = local.postgres } : {},
    ),
  )

  # With a name of its own, Teleport takes PostgreSQL on the web port, and announces it under 443.
  postgres_at_web = var.use_acm && var.route53_domain_acm_nlb_alias != ""
  postgres = {
    listener = local.postgres_at_web ? 443 : 5432
    target   = local.postgres_at_web ? 3080 : 5432
  }

  has_proxy      = length(local.ports) > 0
  has_proxy_name = var.use_acm && local.has_proxy
}

# ---- The web, with ACM

resource "aws_lb" "web" {
  count                      = var.use_acm ? 1 : 0
  load_balancer_type         = "application"
  subnets                    = var.balancer_subnet_ids
  security_groups            = [aws_security_group.web[0].id]
  idle_timeout               = 350
  drop_invalid_header_fields = true
  tags                       = merge(local.tags, { Name = "${var.cluster_name}-web" })
}

resource "aws_lb_target_group" "web" {
  count    = var.use_acm ? 1 : 0
  vpc_id   = var.vpc_id
  port     = 3080
  protocol = "HTTPS"
  tags     = merge(local.tags, { Name = "${var.cluster_name}-web" })

  # Teleport answers 400 while there is no connector for the way to log in.
  health_check {
    path     = "/webapi/ping"
    protocol = "HTTPS"
    matcher  = "200-499"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "web" {
  count             = var.use_acm ? 1 : 0
  load_balancer_arn = aws_lb.web[0].arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = local.certificate_arn
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.web[0].arn
  }
}

# ---- People and agents

resource "aws_lb" "proxy" {
  count                            = local.has_proxy ? 1 : 0
  load_balancer_type               = "network"
  subnets                          = var.balancer_subnet_ids
  security_groups                  = [aws_security_group.proxy[0].id]
  enable_cross_zone_load_balancing = true
  tags                             = merge(local.tags, { Name = "${var.cluster_name}-proxy" })
}

resource "aws_lb_target_group" "proxy" {
  for_each = local.ports
  vpc_id   = var.vpc_id
  port     = each.value.target
  protocol = "TCP"
  tags     = merge(local.tags, { Name = "${var.cluster_name}-${each.key}" })

  health_check {
    protocol = "TCP"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "proxy" {
  for_each          = local.ports
  load_balancer_arn = aws_lb.proxy[0].arn
  port              = each.value.listener
  protocol          = "TCP"
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.proxy[each.key].arn
  }
}

# ---- Auth servers, which are not reached from the internet

resource "aws_lb" "auth" {
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = var.instance_subnet_ids
  security_groups                  = [aws_security_group.auth.id]
  enable_cross_zone_load_balancing = true
  tags                             = merge(local.tags, { Name = "${var.cluster_name}-auth" })
}

resource "aws_lb_target_group" "auth" {
  vpc_id   = var.vpc_id
  port     = 3025
  protocol = "TCP"
  tags     = merge(local.tags, { Name = "${var.cluster_name}-auth" })

  health_check {
    protocol = "TCP"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb_listener" "auth" {
  load_balancer_arn = aws_lb.auth.arn
  port              = 3025
  protocol          = "TCP"
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.auth.arn
  }
}

locals {
  web_port = var.use_acm && !var.use_tls_routing ? 3080 : 443

  # Behind ACM the instance speaks plain HTTP, as long as nothing else needs TLS on its web port.
  needs_tls    = var.use_tls_routing || var.enable_mongodb_listener
  web_protocol = var.use_acm ? (local.needs_tls ? "HTTPS" : "HTTP") : ""

  # What the network load balancer for people and agents listens on, and sends to the same port.
  ports = merge(
    var.use_acm ? {} : { web = 443 },
    var.use_tls_routing ? {} : merge(
      { ssh = 3023, tunnel = 3024, kubernetes = 3026 },
      var.enable_mongodb_listener ? { mongodb = 27017 } : {},
      var.enable_mysql_listener ? { mysql = 3036 } : {},
      var.enable_postgres_listener ? { postgres = 5432 } : {},
    ),
  )

  has_proxy      = length(local.ports) > 0
  has_proxy_name = var.use_acm && local.has_proxy

  client_rules = { for pair in setproduct(keys(local.ports), var.allowed_ingress_cidr_blocks) : "${pair[0]} ${pair[1]}" => {
    port = local.ports[pair[0]]
    cidr = pair[1]
  } }
}

# ---- Security groups

resource "aws_security_group" "instance" {
  description = "The instance of Teleport"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = var.cluster_name })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "web" {
  count       = var.use_acm ? 1 : 0
  description = "Load balancer of the web port"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.cluster_name}-web" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "proxy" {
  count       = local.has_proxy ? 1 : 0
  description = "Load balancer of Teleport for people and agents"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.cluster_name}-proxy" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "auth" {
  description = "Load balancer of the auth server"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.cluster_name}-auth" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "web" {
  for_each          = var.use_acm ? toset(var.allowed_ingress_cidr_blocks) : toset([])
  description       = "Browsers, and clients with TLS routing"
  security_group_id = aws_security_group.web[0].id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "web" {
  count                        = var.use_acm ? 1 : 0
  description                  = "The web port of the instance"
  security_group_id            = aws_security_group.web[0].id
  referenced_security_group_id = aws_security_group.instance.id
  ip_protocol                  = "tcp"
  from_port                    = local.web_port
  to_port                      = local.web_port
}

resource "aws_vpc_security_group_ingress_rule" "instance_web" {
  count                        = var.use_acm ? 1 : 0
  description                  = "Web, from the application load balancer"
  security_group_id            = aws_security_group.instance.id
  referenced_security_group_id = aws_security_group.web[0].id
  ip_protocol                  = "tcp"
  from_port                    = local.web_port
  to_port                      = local.web_port
}

resource "aws_vpc_security_group_ingress_rule" "proxy" {
  for_each          = local.client_rules
  description       = "People and agents"
  security_group_id = aws_security_group.proxy[0].id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "proxy" {
  for_each                     = local.ports
  description                  = "The ${each.key} port of the instance"
  security_group_id            = aws_security_group.proxy[0].id
  referenced_security_group_id = aws_security_group.instance.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "instance_proxy" {
  for_each                     = local.ports
  description                  = "The ${each.key} port, from the network load balancer"
  security_group_id            = aws_security_group.instance.id
  referenced_security_group_id = aws_security_group.proxy[0].id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "auth" {
  for_each          = toset(var.allowed_auth_ingress_cidr_blocks)
  description       = "Hosts that join without the proxy"
  security_group_id = aws_security_group.auth.id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 3025
  to_port           = 3025
}

resource "aws_vpc_security_group_egress_rule" "auth" {
  description                  = "The auth server"
  security_group_id            = aws_security_group.auth.id
  referenced_security_group_id = aws_security_group.instance.id
  ip_protocol                  = "tcp"
  from_port                    = 3025
  to_port                      = 3025
}

resource "aws_vpc_security_group_ingress_rule" "instance_auth" {
  description                  = "Auth server, from its load balancer"
  security_group_id            = aws_security_group.instance.id
  referenced_security_group_id = aws_security_group.auth.id
  ip_protocol                  = "tcp"
  from_port                    = 3025
  to_port                      = 3025
}

resource "aws_vpc_security_group_ingress_rule" "instance_ssh" {
  for_each          = var.key_name == "" ? toset([]) : toset(var.allowed_ssh_ingress_cidr_blocks)
  description       = "SSH of the instance itself"
  security_group_id = aws_security_group.instance.id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_vpc_security_group_egress_rule" "instance" {
  for_each          = toset(var.allowed_egress_cidr_blocks)
  description       = "AWS, and what Teleport gives access to"
  security_group_id = aws_security_group.instance.id
  cidr_ipv4         = each.value
  ip_protocol       = "-1"
}

# ---- Load balancers

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
  port     = local.web_port
  protocol = local.web_protocol
  tags     = merge(local.tags, { Name = "${var.cluster_name}-web" })

  # Teleport answers 400 while there is no connector for the way to log in.
  health_check {
    path     = "/webapi/ping"
    protocol = local.web_protocol
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

resource "aws_lb_target_group_attachment" "web" {
  count            = var.use_acm ? 1 : 0
  target_group_arn = aws_lb_target_group.web[0].arn
  target_id        = aws_instance.this.id
}

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
  port     = each.value
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
  port              = each.value
  protocol          = "TCP"
  tags              = local.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.proxy[each.key].arn
  }
}

resource "aws_lb_target_group_attachment" "proxy" {
  for_each         = local.ports
  target_group_arn = aws_lb_target_group.proxy[each.key].arn
  target_id        = aws_instance.this.id
}

# It is not reached from the internet.
resource "aws_lb" "auth" {
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = [var.instance_subnet_id]
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

resource "aws_lb_target_group_attachment" "auth" {
  target_group_arn = aws_lb_target_group.auth.arn
  target_id        = aws_instance.this.id
}

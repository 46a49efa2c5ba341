locals {
  roles = ["auth", "proxy", "node"]

  egress = {
    auth  = var.allowed_auth_egress_cidr_blocks
    proxy = var.allowed_proxy_egress_cidr_blocks
    node  = var.allowed_node_egress_cidr_blocks
  }

  egress_rules = merge([for role, cidrs in local.egress : { for cidr in cidrs : "${role} ${cidr}" => {
    role = role
    cidr = cidr
  } }]...)

  client_rules = { for pair in setproduct(keys(local.ports), var.allowed_proxy_ingress_cidr_blocks) : "${pair[0]} ${pair[1]}" => {
    port = local.ports[pair[0]].listener
    cidr = pair[1]
  } }
}

resource "aws_security_group" "instances" {
  for_each    = toset(local.roles)
  description = "Instances of Teleport: ${each.value}"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.cluster_name}-${each.value}" })

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
  tags        = merge(local.tags, { Name = "${var.cluster_name}-clients" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "auth" {
  description = "Load balancer of the auth servers"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.cluster_name}-auth-balancer" })

  lifecycle {
    create_before_destroy = true
  }
}

# ---- The web, with ACM

resource "aws_vpc_security_group_ingress_rule" "web" {
  for_each          = var.use_acm ? toset(var.allowed_proxy_ingress_cidr_blocks) : toset([])
  description       = "Browsers, and clients with TLS routing"
  security_group_id = aws_security_group.web[0].id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "web" {
  count                        = var.use_acm ? 1 : 0
  description                  = "The web port of proxies"
  security_group_id            = aws_security_group.web[0].id
  referenced_security_group_id = aws_security_group.instances["proxy"].id
  ip_protocol                  = "tcp"
  from_port                    = 3080
  to_port                      = 3080
}

resource "aws_vpc_security_group_ingress_rule" "proxy_web" {
  count                        = var.use_acm ? 1 : 0
  description                  = "Web, from the application load balancer"
  security_group_id            = aws_security_group.instances["proxy"].id
  referenced_security_group_id = aws_security_group.web[0].id
  ip_protocol                  = "tcp"
  from_port                    = 3080
  to_port                      = 3080
}

# ---- People and agents, through the network load balancer

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
  description                  = "The ${each.key} port of proxies"
  security_group_id            = aws_security_group.proxy[0].id
  referenced_security_group_id = aws_security_group.instances["proxy"].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.target
  to_port                      = each.value.target
}

resource "aws_vpc_security_group_ingress_rule" "proxy_ports" {
  for_each                     = local.ports
  description                  = "The ${each.key} port, from the network load balancer"
  security_group_id            = aws_security_group.instances["proxy"].id
  referenced_security_group_id = aws_security_group.proxy[0].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.target
  to_port                      = each.value.target
}

# ---- Auth servers

resource "aws_vpc_security_group_ingress_rule" "auth" {
  for_each          = toset(var.allowed_auth_ingress_cidr_blocks)
  description       = "Hosts that join without the proxy"
  security_group_id = aws_security_group.auth.id
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 3025
  to_port           = 3025
}

resource "aws_vpc_security_group_ingress_rule" "auth_cluster" {
  for_each                     = toset(local.roles)
  description                  = "Instances of the cluster: ${each.value}"
  security_group_id            = aws_security_group.auth.id
  referenced_security_group_id = aws_security_group.instances[each.value].id
  ip_protocol                  = "tcp"
  from_port                    = 3025
  to_port                      = 3025
}

resource "aws_vpc_security_group_egress_rule" "auth" {
  description                  = "The auth servers"
  security_group_id            = aws_security_group.auth.id
  referenced_security_group_id = aws_security_group.instances["auth"].id
  ip_protocol                  = "tcp"
  from_port                    = 3025
  to_port                      = 3025
}

resource "aws_vpc_security_group_ingress_rule" "auth_servers" {
  description                  = "Auth server, from its load balancer"
  security_group_id            = aws_security_group.instances["auth"].id
  referenced_security_group_id = aws_security_group.auth.id
  ip_protocol                  = "tcp"
  from_port                    = 3025
  to_port                      = 3025
}

# ---- Nodes, and the way out

resource "aws_vpc_security_group_ingress_rule" "nodes" {
  description                  = "SSH of Teleport, from proxies"
  security_group_id            = aws_security_group.instances["node"].id
  referenced_security_group_id = aws_security_group.instances["proxy"].id
  ip_protocol                  = "tcp"
  from_port                    = 3022
  to_port                      = 3022
}

resource "aws_vpc_security_group_egress_rule" "instances" {
  for_each          = local.egress_rules
  description       = "AWS, and what Teleport gives access to"
  security_group_id = aws_security_group.instances[each.value.role].id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = "-1"
}

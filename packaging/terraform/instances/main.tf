# An auto scaling group of one role. A new instance counts when Teleport is healthy on it, and is replaced if it is not
# after twenty minutes; its own deadline, TELEPORT_SIGNAL_SECONDS, is earlier.

locals {
  name  = "${var.cluster_name}-${var.role}"
  group = "arn:${local.partition}:autoscaling:${var.region}:${local.account_id}:autoScalingGroup:*:autoScalingGroupName/${local.name}"
  tags  = merge(var.tags, { Name = local.name })
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.${local.dns_suffix}"]
    }
  }
}

resource "aws_iam_role" "this" {
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = local.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "teleport"
  role   = aws_iam_role.this.id
  policy = var.policy_json
}

# The signal that Teleport is healthy, and the draining of an instance, for this group and its target groups;
# `teleport-bootstrap iam-policy` prints them for every target group, and with --auto-scaling-group for one group.
data "aws_iam_policy_document" "signal" {
  statement {
    sid       = "Signal"
    actions   = ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"]
    resources = [local.group]
  }

  statement {
    sid       = "Descriptions"
    actions   = ["autoscaling:DescribeAutoScalingGroups", "ec2:DescribeTags"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [var.region]
    }
  }

  dynamic "statement" {
    for_each = var.is_balanced ? [1] : []

    content {
      sid       = "Drain"
      actions   = ["elasticloadbalancing:DeregisterTargets"]
      resources = var.target_group_arns
    }
  }

  dynamic "statement" {
    for_each = var.is_balanced ? [1] : []

    content {
      sid       = "Leave"
      actions   = ["elasticloadbalancing:DescribeTargetHealth"]
      resources = ["*"]

      condition {
        test     = "StringEquals"
        variable = "aws:RequestedRegion"
        values   = [var.region]
      }
    }
  }
}

resource "aws_iam_role_policy" "signal" {
  name   = "signal"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.signal.json
}

# What Session Manager and Run Command need. AWS's own AmazonSSMManagedInstanceCore would let it read all parameters of
# the account.
data "aws_iam_policy_document" "session_manager" {
  statement {
    sid = "Sessions"
    actions = [
      "ec2messages:AcknowledgeMessage",
      "ec2messages:DeleteMessage",
      "ec2messages:FailMessage",
      "ec2messages:GetEndpoint",
      "ec2messages:GetMessages",
      "ec2messages:SendReply",
      "ssm:UpdateInstanceInformation",
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "session_manager" {
  count  = var.session_manager ? 1 : 0
  name   = "session-manager"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.session_manager.json
}

resource "aws_iam_instance_profile" "this" {
  role = aws_iam_role.this.name
  tags = local.tags
}

resource "aws_launch_template" "this" {
  image_id               = var.image_id
  instance_type          = var.instance_type
  key_name               = var.key_name == "" ? null : var.key_name
  vpc_security_group_ids = [var.security_group_id]
  ebs_optimized          = true
  update_default_version = true
  user_data              = base64encode("#!/bin/bash\ncat >/etc/teleport.d/conf <<'EOF'\n${var.conf}EOF\n")
  tags                   = local.tags

  iam_instance_profile {
    arn = aws_iam_instance_profile.this.arn
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = var.root_device_name

    ebs {
      volume_type           = "gp3"
      volume_size           = var.volume_size
      encrypted             = true
      delete_on_termination = true
    }
  }

  tag_specifications {
    resource_type = "instance"
    tags          = local.tags
  }

  tag_specifications {
    resource_type = "volume"
    tags          = local.tags
  }
}

# Health is that of EC2, not of the load balancers: while DynamoDB cannot be reached, no new instance would be healthier.
resource "aws_autoscaling_group" "this" {
  name                      = local.name
  min_size                  = var.number
  max_size                  = var.number + 1
  desired_capacity          = var.number
  vpc_zone_identifier       = var.subnet_ids
  target_group_arns         = var.target_group_arns
  wait_for_capacity_timeout = "25m"

  # Of EC2, not of the balancers: while DynamoDB is unreachable, or an operator has stopped Teleport for a restore, no new
  # instance would be healthier.
  health_check_type = "EC2"

  launch_template {
    id      = aws_launch_template.this.id
    version = aws_launch_template.this.latest_version
  }

  initial_lifecycle_hook {
    name                 = var.hook
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    heartbeat_timeout    = 1200
    default_result       = "ABANDON"
  }

  # The agent sends heartbeats as long as sessions run; without an agent, the group goes on after five minutes.
  initial_lifecycle_hook {
    name                 = var.drain_hook
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = 300
    default_result       = "CONTINUE"
  }

  dynamic "instance_refresh" {
    for_each = var.refreshes ? [1] : []

    content {
      strategy = "Rolling"

      # One more first, so that there are never fewer.
      preferences {
        min_healthy_percentage = 100
        max_healthy_percentage = 110
        auto_rollback          = true
      }
    }
  }

  dynamic "tag" {
    for_each = local.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  # The agent calls AWS as soon as it boots.
  depends_on = [aws_iam_role_policy.this, aws_iam_role_policy.signal]
}

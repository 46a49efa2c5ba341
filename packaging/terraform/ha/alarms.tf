locals {
  alarm_actions = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]

  # The network load balancer counts the targets of the web port where there is no application load balancer.
  web_metrics = {
    namespace    = var.use_acm ? "AWS/ApplicationELB" : "AWS/NetworkELB"
    balancer     = var.use_acm ? aws_lb.web[*].arn_suffix : aws_lb.proxy[*].arn_suffix
    target_group = var.use_acm ? aws_lb_target_group.web[*].arn_suffix : [for key, each in aws_lb_target_group.proxy : each.arn_suffix if key == "web"]
  }

  throttled_tables = { state = module.state.state_table, events = module.state.events_table }
}

resource "aws_cloudwatch_metric_alarm" "auth_unhealthy" {
  alarm_name          = "${var.cluster_name}-auth-unhealthy"
  alarm_description   = "An auth server does not answer its load balancer: run teleport-bootstrap status there"
  namespace           = "AWS/NetworkELB"
  metric_name         = "UnHealthyHostCount"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags

  dimensions = {
    LoadBalancer = aws_lb.auth.arn_suffix
    TargetGroup  = aws_lb_target_group.auth.arn_suffix
  }
}

resource "aws_cloudwatch_metric_alarm" "web_unhealthy" {
  alarm_name          = "${var.cluster_name}-web-unhealthy"
  alarm_description   = "A proxy does not answer its load balancer: run teleport-bootstrap status there"
  namespace           = local.web_metrics.namespace
  metric_name         = "UnHealthyHostCount"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags

  dimensions = {
    LoadBalancer = local.web_metrics.balancer[0]
    TargetGroup  = local.web_metrics.target_group[0]
  }
}

resource "aws_cloudwatch_metric_alarm" "web_errors" {
  count               = var.use_acm ? 1 : 0
  alarm_name          = "${var.cluster_name}-web-errors"
  alarm_description   = "Proxies answer with errors"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  statistic           = "Sum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags

  dimensions = {
    LoadBalancer = aws_lb.web[0].arn_suffix
  }
}

resource "aws_cloudwatch_metric_alarm" "throttled" {
  for_each            = local.throttled_tables
  alarm_name          = "${var.cluster_name}-${each.key}-throttled"
  alarm_description   = "DynamoDB refuses requests of Teleport"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags

  metric_query {
    id          = "all"
    expression  = "FILL(reads, 0) + FILL(writes, 0)"
    label       = "Refused requests"
    return_data = true
  }

  metric_query {
    id = "reads"

    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "ReadThrottleEvents"
      stat        = "Sum"
      period      = 60
      dimensions  = { TableName = each.value }
    }
  }

  metric_query {
    id = "writes"

    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = "WriteThrottleEvents"
      stat        = "Sum"
      period      = 60
      dimensions  = { TableName = each.value }
    }
  }
}

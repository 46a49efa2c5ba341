output "cluster_name" {
  description = "Name of the cluster."
  value       = var.cluster_name
}

output "cluster_web_address" {
  description = "Where people reach the cluster."
  value       = "https://${var.route53_domain}"
}

output "key_name" {
  description = "Name of the key pair of the instances."
  value       = var.key_name
}

output "auth_address" {
  description = "Where hosts of your own networks reach the auth servers."
  value       = "${local.auth_name}:3025"
}

output "group_names" {
  description = "Names of the auto scaling groups, for each role."
  value       = { auth = module.auth.group_name, proxy = module.proxy.group_name, node = module.node.group_name }
}

output "role_names" {
  description = "Names of the instances' IAM roles, to attach policies of yours."
  value       = { auth = module.auth.role_name, proxy = module.proxy.role_name, node = module.node.role_name }
}

output "conf" {
  description = "What user-data writes into /etc/teleport.d/conf, for each role."
  value       = local.conf
}

output "next_steps" {
  description = "What to do next."
  value = join("\n", [
    "aws ec2 describe-instances --region ${var.region} --filters Name=tag:Name,Values=${var.cluster_name}-auth Name=instance-state-name,Values=running --query Reservations[].Instances[].InstanceId --output text",
    "aws ssm start-session --region ${var.region} --target INSTANCE",
    "sudo teleport-bootstrap status",
    "sudo teleport-bootstrap first-admin ADMIN --logins ec2-user",
  ])
}

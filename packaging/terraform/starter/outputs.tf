output "cluster_name" {
  description = "Name of the cluster."
  value       = var.cluster_name
}

output "cluster_web_address" {
  description = "Where people reach the cluster."
  value       = "https://${var.route53_domain}"
}

output "key_name" {
  description = "Name of the key pair of the instance."
  value       = var.key_name
}

output "instance_id" {
  description = "Id of the instance."
  value       = aws_instance.this.id
}

output "instance_ip_private" {
  description = "Private address of the instance."
  value       = aws_instance.this.private_ip
}

output "auth_address" {
  description = "Where hosts of your own networks reach the auth server."
  value       = "${local.auth_name}:3025"
}

output "role_name" {
  description = "Name of the instance's role, to attach policies of yours."
  value       = aws_iam_role.this.name
}

output "conf" {
  description = "What user-data writes into /etc/teleport.d/conf."
  value       = local.conf
}

output "next_steps" {
  description = "What to do next."
  value = join("\n", [
    "aws ssm start-session --region ${var.region} --target ${aws_instance.this.id}",
    "sudo teleport-bootstrap status",
    "sudo teleport-bootstrap first-admin ADMIN --logins ec2-user",
  ])
}

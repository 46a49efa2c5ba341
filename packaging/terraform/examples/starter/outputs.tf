output "cluster_name" {
  description = "Name of the cluster."
  value       = module.teleport.cluster_name
}

output "cluster_web_address" {
  description = "Where people reach the cluster."
  value       = module.teleport.cluster_web_address
}

output "key_name" {
  description = "Name of the key pair of the instance."
  value       = module.teleport.key_name
}

output "instance_id" {
  description = "Id of the instance."
  value       = module.teleport.instance_id
}

output "instance_ip_private" {
  description = "Private address of the instance."
  value       = module.teleport.instance_ip_private
}

output "auth_address" {
  description = "Where hosts of your own networks reach the auth server."
  value       = module.teleport.auth_address
}

output "role_name" {
  description = "Name of the instance's role, to attach policies of yours."
  value       = module.teleport.role_name
}

output "conf" {
  description = "What user-data writes into /etc/teleport.d/conf."
  value       = module.teleport.conf
}

output "next_steps" {
  description = "What to do next."
  value       = module.teleport.next_steps
}

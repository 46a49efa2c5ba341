output "cluster_name" {
  description = "Name of the cluster."
  value       = module.teleport.cluster_name
}

output "cluster_web_address" {
  description = "Where people reach the cluster."
  value       = module.teleport.cluster_web_address
}

output "key_name" {
  description = "Name of the key pair of the instances."
  value       = module.teleport.key_name
}

output "auth_address" {
  description = "Where hosts of your own networks reach the auth servers."
  value       = module.teleport.auth_address
}

output "group_names" {
  description = "Names of the auto scaling groups, for each role."
  value       = module.teleport.group_names
}

output "role_names" {
  description = "Names of the instances' IAM roles, to attach policies of yours."
  value       = module.teleport.role_names
}

output "conf" {
  description = "What user-data writes into /etc/teleport.d/conf, for each role."
  value       = module.teleport.conf
}

output "next_steps" {
  description = "What to do next."
  value       = module.teleport.next_steps
}

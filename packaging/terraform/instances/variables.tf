variable "region" {
  type        = string
  description = "The AWS region."
}

variable "cluster_name" {
  type        = string
  description = "Name of the cluster, which is in the names of the instances."
}

variable "role" {
  type        = string
  description = "What the instances do: auth, proxy or node."
}

variable "conf" {
  type        = string
  description = "What user-data writes into /etc/teleport.d/conf."
}

variable "policy_json" {
  type        = string
  description = "The policy of the instances' role."
}

variable "number" {
  type        = number
  description = "How many instances there are; none is possible."
}

variable "image_id" {
  type        = string
  description = "The image to launch."
}

variable "instance_type" {
  type        = string
  description = "Type of the instances."
}

variable "root_device_name" {
  type        = string
  description = "Name of the image's first disk."
}

variable "volume_size" {
  type        = number
  description = "Size of the disk, in GiB."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Subnets of the instances."
}

variable "security_group_id" {
  type        = string
  description = "Security group of the instances."
}

variable "is_balanced" {
  type        = bool
  description = "Whether load balancers are in front of the instances."
}

variable "target_group_arns" {
  type        = list(string)
  description = "Target groups that the instances join."
}

variable "key_name" {
  type        = string
  description = "Name of an EC2 key pair; empty for none."
}

variable "hook" {
  type        = string
  description = "Name of the lifecycle hook that waits until Teleport is healthy, as TELEPORT_SIGNAL has it."
}

variable "drain_hook" {
  type        = string
  description = "Name of the lifecycle hook that gives sessions time to end, as TELEPORT_DRAIN_HOOK has it."
}

variable "refreshes" {
  type        = bool
  description = "Whether a change replaces the instances, one after the other."
}

variable "session_manager" {
  type        = bool
  description = "Whether the role lets you log in through Session Manager."
}

variable "tags" {
  type        = map(string)
  description = "Tags of everything that takes tags."
}

variable "region" {
  type        = string
  description = "The AWS region."
}

variable "cluster_name" {
  type        = string
  description = "Name of the cluster, which is in the names of its parameters."
}

variable "domain" {
  type        = string
  description = "The domain of the cluster's certificate."
}

variable "license" {
  type        = bool
  description = "Whether the license is fetched from SSM."
}

variable "letsencrypt" {
  type        = bool
  description = "Whether certificates come from Let's Encrypt."
}

variable "zone_id" {
  type        = string
  description = "Id of the hosted zone of the domain, in which Let's Encrypt's records are written."
}

variable "state_table" {
  type        = string
  description = "Name of the table of the cluster's state; null where the state is on the instance's own disk."
}

variable "events_table" {
  type        = string
  description = "Name of the table of the audit log; null as above."
}

variable "locks_table" {
  type        = string
  description = "Name of the table of the lock that auth servers share; null as above."
}

variable "bucket" {
  type        = string
  description = "Name of the bucket of recordings, backups and certificates; null as above."
}

variable "parameters_key_arn" {
  type        = string
  description = "ARN of the KMS key that encrypts the parameters; null for AWS's own."
}

variable "bucket_key_arn" {
  type        = string
  description = "ARN of the KMS key that encrypts the bucket; null for S3's own."
}

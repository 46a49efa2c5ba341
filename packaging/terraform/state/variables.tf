variable "cluster_name" {
  type        = string
  description = "Name of the cluster, from which the names of the tables are made."
}

variable "bucket_name" {
  type        = string
  description = "Name of the bucket."
}

variable "kms_key_arn" {
  type        = string
  description = "ARN of the KMS key that encrypts the bucket; null for S3's own."
}

variable "tags" {
  type        = map(string)
  description = "Tags of the tables and the bucket."
}

output "state_table" {
  description = "Name of the table of the cluster's state."
  value       = aws_dynamodb_table.state.name
}

output "events_table" {
  description = "Name of the table of the audit log."
  value       = aws_dynamodb_table.events.name
}

output "locks_table" {
  description = "Name of the table of the lock that auth servers share."
  value       = aws_dynamodb_table.locks.name
}

output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

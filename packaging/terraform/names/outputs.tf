output "certificate_arn" {
  description = "ARN of the certificate once it is validated; null if none is requested."
  value       = one(aws_acm_certificate_validation.this[*].certificate_arn)
}

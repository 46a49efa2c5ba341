"""The Terraform modules of packaging/terraform, as they are before anything exists in AWS."""

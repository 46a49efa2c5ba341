"""The AWS permissions that the calls of an instance need, and the IAM policy that grants these and no others."""

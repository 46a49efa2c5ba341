"""Calls to AWS APIs, over botocore, with the instance's own credentials."""

"""Policies of IAM judged by a simulator of its rules, for the requests that were seen on the wire."""

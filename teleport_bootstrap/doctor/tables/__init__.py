"""Checks of the tables in DynamoDB, and of the audit log in Athena."""

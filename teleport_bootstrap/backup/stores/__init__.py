"""Places for archives: a directory of this host, or a bucket in S3. They know nothing of what is in an archive."""

"""Let's Encrypt's certificate: obtained and renewed by auth servers, shared in a bucket, installed for Teleport."""

"""What EC2 tells an instance about itself, over the instance metadata service, version 2 only."""

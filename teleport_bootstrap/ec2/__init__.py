"""The instance metadata service of EC2, version 2 only, and the facts about the instance that it provides."""

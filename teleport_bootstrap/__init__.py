"""The agent inside a Teleport AMI: from /etc/teleport.d/conf to a running Teleport."""

__version__ = "0.1.0"

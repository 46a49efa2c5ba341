"""The agent inside a Teleport AMI: from /etc/teleport.d/conf to a running Teleport."""

from teleport_bootstrap import lazy_imports

__version__ = "0.1.0"

lazy_imports.install()

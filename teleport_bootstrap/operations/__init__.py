"""What an operator or a unit does with this host, one verb a module."""

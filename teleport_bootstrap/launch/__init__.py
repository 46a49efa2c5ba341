"""What to launch: from a few answers to confs, user-data, policies, and the values of a template or a module."""

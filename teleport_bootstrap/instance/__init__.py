"""This instance: the inputs of its plan, its access to AWS, and its secrets."""

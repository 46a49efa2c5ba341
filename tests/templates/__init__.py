"""The templates of `packaging/cloudformation`: read, filled in with parameters, and kept equal to our commands."""

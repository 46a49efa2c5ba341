"""The format of backup archives: packing, verifying and unpacking."""

"""What this agent keeps on disk between its runs."""

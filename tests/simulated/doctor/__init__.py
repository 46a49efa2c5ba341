"""`doctor` against a simulated account in which everything is right, and then one thing is wrong."""

"""A whole fleet that starts at once, in simulated time, with the agent's own rules for when to ask again.

`./dev fleet` prints what comes of it, and `--write` renews the figures and the plot of docs/fleets.md.
"""

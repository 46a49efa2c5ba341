"""What an operator notices of this agent's speed, measured and written to docs/performance.md: `./dev bench`.

Each module that measures has `GROUP`, the word for `--only`; `NAMES`, the names of its rows, which do not depend on the
machine; and `rows`, which measures and returns these rows. With `--quick`, one that has `QUICK_NAMES` returns these.
"""

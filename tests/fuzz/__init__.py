"""Coverage-guided fuzzing of everything that reads text or bytes which this program has not written itself.

`./dev fuzz` runs it by hand; `tests/simulated/test_fuzzing.py` replays the corpora and adds a few random seconds.
docs/fuzzing.md says how to use it, and what it has found.
"""

"""The targets of the fuzzer, one in each module; see `tests.fuzz.target`."""

"""The doors to this machine: files, processes, units, the journal, the clock. One module a door."""

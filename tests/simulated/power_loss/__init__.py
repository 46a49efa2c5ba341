"""Power loss: what may be on the disk after it, by a model of the file system, and what recovery makes of that.

`trace` runs a command under strace, `log` turns its system calls into operations on a tree of files, `disk` enumerates
what may have reached the disk by each moment, `check` recovers each of those states and judges it, `commands` prepares
the hosts, and `report` prints the figures (`./dev power-loss`).
"""

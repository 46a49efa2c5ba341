"""A matrix of faults: each call of each command to something outside, with each fault that such a call can meet.

`python3 -m tests.simulated.faults`, which `./dev faults` runs, finds the calls by undisturbed runs: exchanges with the
services (network.py), programs that are run (programs.py), and system calls on files (files.py). A new call is covered
the day it is written. What may come of a fault is declared once for each command (commands.py), never for each fault.
"""

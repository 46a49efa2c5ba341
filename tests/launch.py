"""Runs a module as `python -m MODULE ARGUMENT...` does, and ends without a traceback on Ctrl-C, however early.

`./dev` starts it with -S, so that only the interpreter itself is loaded before a line of this file is read, and with
SIGINT ignored until then: the interpreter would answer with a traceback. The first argument is `interruptible`, or
`background` where SIGINT was ignored before.
"""

# Built into the interpreter: `signal` itself takes longer to load than all of this.
import _signal
import sys

if sys.argv[1] == "interruptible":
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

if sys.flags.no_site:
    import site

    site.main()

import importlib
import os
import runpy


def main() -> None:
    """Run the module that the second argument names."""
    del sys.argv[:2]
    # The directory of this file; what is run is found by PYTHONPATH and in .venv.
    del sys.path[0]
    name = sys.argv[0]
    # What takes longest, while nothing has begun that would have to be ended.
    importlib.import_module(name)
    if _signal.getsignal(_signal.SIGINT) == _signal.SIG_DFL:
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except KeyboardInterrupt:
        os._exit(130)


main()

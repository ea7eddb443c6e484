"""Where `python -m hooks.preview` begins."""

import signal
import sys

if __name__ == "__main__":
    # Until all is loaded, Ctrl-C would print where in that Python is.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from hooks.preview import command

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(command.run())

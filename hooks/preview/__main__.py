"""Where `python -m hooks.preview` begins: the same as `python -m hooks preview`."""

import signal
import sys

if __name__ == "__main__":
    # Until all is loaded, Ctrl-C would print where in that Python is.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from hooks.cli import main, parser

    sys.exit(main.run(parser.MODULE, ["preview", *sys.argv[1:]]))

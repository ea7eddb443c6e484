"""The image's one command: `python -m hooks` serves, and with a command it does as that says.

Both come in one image, so that a preview is asked of the very hook that the cluster runs.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Final

_GUNICORN: Final[tuple[str, ...]] = (
    "gunicorn",
    "-c",
    str(Path(__file__).with_name("gunicorn.conf.py")),
    "hooks.app:create_app()",
)

if __name__ == "__main__":
    if not sys.argv[1:]:
        # In the place of this process: signals and the exit status are the service's own.
        os.execv(sys.executable, [sys.executable, "-m", *_GUNICORN])  # noqa: S606 - no shell is wanted
    # Until all is loaded, Ctrl-C would print where in that Python is.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from hooks.cli import main

    sys.exit(main.run())

"""The image's one command: `python -m hooks` serves, `python -m hooks preview …` previews.

Both come in one image, so that a preview is asked of the very hook that the cluster runs.
"""

import os
import sys
from pathlib import Path
from typing import Final

_GUNICORN: Final[tuple[str, ...]] = (
    "gunicorn",
    "-c",
    str(Path(__file__).with_name("gunicorn.conf.py")),
    "hooks.app:create_app()",
)
_PREVIEW: Final = "hooks.preview"

if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            module = _GUNICORN
        case ["preview", *arguments]:
            module = (_PREVIEW, *arguments)
        case _:
            sys.exit("usage: python -m hooks [preview PATH…]   (preview --help tells more)")
    # In the place of this process: signals and the exit status are the program's own.
    os.execv(sys.executable, [sys.executable, "-m", *module])  # noqa: S606 - no shell is wanted

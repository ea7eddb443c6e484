"""Write `response.json` for every case that has none: `python -m tests.cases --record`.

What was recorded has to be read and judged before it is kept; to record a case again, delete its
`response.json` first.
"""

import sys

from tests.cases import cases, shortened, written
from tests.cases.asking import answer_to


def record() -> None:
    """Answer what has no answer yet, and say so."""
    for case in cases():
        path = case.folder / "response.json"
        if not path.exists():
            path.write_text(written(shortened(answer_to(case).decoded)), "utf-8")
            print(f"recorded {case}; read it")


if sys.argv[1:] != ["--record"]:
    sys.exit(__doc__)
record()

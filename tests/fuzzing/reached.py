"""Print how much of the pure modules a folder of inputs reaches, in lines and branches.

In a process of its own, because what is imported before the measuring begins counts as unreached.
"""

import sys
from io import StringIO
from pathlib import Path

import coverage

import hooks

SHELL = ("__main__.py", "app.py", "gunicorn.conf.py", "settings.py", "server/**", "preview/**")
"""The modules that no decision goes through."""


def main() -> None:
    """Ask everything once, under measurement."""
    (folder,) = sys.argv[1:]
    code = Path(hooks.__path__[0])
    measured = coverage.Coverage(
        data_file=None,
        config_file=False,
        branch=True,
        include=[f"{code}/**"],
        omit=[f"{code}/{name}" for name in SHELL],
    )
    with measured.collect():
        from tests.fuzzing.decisions import replay  # noqa: PLC0415 - its import has to be measured

        for file in sorted(Path(folder).iterdir()):
            replay(file)
    percent = measured.report(file=StringIO())
    print(f"{percent:.1f} % of the lines and branches of the modules that decide")


if __name__ == "__main__":
    main()

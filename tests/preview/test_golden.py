"""Every format, to the last character, on examples/ and a change to them.

`python -m tests.preview.test_golden` writes the files of tests/preview/golden again; what changes
in them has to be read and judged before it is kept.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("golden")
CHANGE = ("--change", "docs/preview-change.yaml", "--delete", "namespace/staging")
ARGUMENTS = {
    f"{name}-{output}.txt": ("examples", *change, "--output", output)
    for name, change in (("examples", ()), ("change", CHANGE))
    for output in ("table", "diff", "plan", "yaml", "json")
}


def printed(*arguments: str) -> str:
    """What the preview prints and its exit status, times and ages masked."""
    done = subprocess.run(
        [sys.executable, "-m", "hooks", "preview", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>", done.stdout)
    text = re.sub(r"(?<=   )\d+s *(?=\d+s$)", "0s          ", text, flags=re.MULTILINE)
    return re.sub(r"\b\d+s$", "0s", text, flags=re.MULTILINE) + f"exit status {done.returncode}\n"


@pytest.mark.parametrize("name", ARGUMENTS)
def test_what_is_printed_is_what_was_read_and_judged(name: str) -> None:
    assert printed(*ARGUMENTS[name]) == (GOLDEN / name).read_text("utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == ARGUMENTS.keys()


if __name__ == "__main__":
    for file, options in ARGUMENTS.items():
        (GOLDEN / file).write_text(printed(*options), "utf-8")

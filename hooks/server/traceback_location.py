"""Where an exception was raised, for a log that must hold no data: its text may hold some."""

import traceback


def place(error: BaseException) -> str:
    """The files and lines that an exception came through, the last one last."""
    frames = traceback.extract_tb(error.__traceback__)
    return " ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)

"""What is wrong with a text that has to have a format."""


class UnreadableError(Exception):
    """A text does not have its format: where, and why, if there is more to say than that.

    `line` and `column` count from 1. The reason is a clause about the text, and holds nothing of
    it.
    """

    def __init__(self, line: int, column: int, reason: str = "") -> None:
        super().__init__(reason)
        self.line = line
        self.column = column
        self.reason = reason

    @classmethod
    def at(cls, text: str, offset: int, reason: str = "") -> "UnreadableError":
        """The same by the offset in the text, in characters."""
        start = text.rfind("\n", 0, offset) + 1
        return cls(text.count("\n", 0, offset) + 1, offset - start + 1, reason)

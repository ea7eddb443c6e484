"""The slips of somebody who types a manifest."""

import random


def slipped(text: str, chance: random.Random) -> str:
    """A text with one or two slips."""
    for _ in range(chance.choice((1, 1, 2))):
        text = slip(text, chance)
    return text


def slip(text: str, chance: random.Random) -> str:
    """A text with one character changed, or one line doubled, moved or gone."""
    at, letter = chance.randrange(len(text)), chance.choice("aS:-#&*!{}[]\"'|> \n\t.,/")
    before, here, after = text[:at], text[at], text[at + 1 :]
    lines = text.splitlines(keepends=True)
    number = chance.randrange(len(lines))
    above, line, below = lines[:number], lines[number], lines[number + 1 :]
    return chance.choice(
        (
            before + after,
            before + letter + here + after,
            before + letter + after,
            before + after[:1] + here + after[1:],
            "".join([*above, *below]),
            "".join([*above, line, line, *below]),
            "".join([*above, *below, line]),
        )
    )

"""Say where in the input a mistake is, as editors and CI systems can jump to it: `file:line`.

A problem is found in a decoded object, which no longer has lines. So an object remembers the
text that it came from, and a field's line is looked up there when a problem is reported.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import yaml

from hooks.preview.simulator.files import YAML_LOADER
from hooks.preview.terminal import printable

_INDEX: Final = re.compile(r"\[(\d+)\]\.?")


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """Where an object stands: the line on which its document begins, its path in the document."""

    source: str
    line: int
    text: str = field(default="", repr=False)
    path: str = ""

    def __str__(self) -> str:
        return self.at("")

    def at(self, field_path: str) -> str:
        """`file:line` of a field such as `spec.targetNamespaces[3]`, or of what is nearest."""
        line = _outline(self.text).line_of(f"{self.path}.{field_path}".strip("."))
        return f"{self.source}:{self.line + line}"

    def in_text(self, field_paths: Sequence[str], line: int) -> str:
        """`file:line` of a line, counted from 1, in the text of the first field that is there.

        Only a block (`|`) has the lines of its text; of other notations, and for line 0, it is the
        line of the field.
        """
        for field_path in field_paths:
            path = f"{self.path}.{field_path}".strip(".")
            found = _outline(self.text).line_in(path, line)
            if found is not None:
                return f"{self.source}:{self.line + found}"
        return str(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the input: `file:line`, and a sentence that names the field.

    What a document holds cannot take hold of the terminal through it.
    """

    location: str
    message: str

    def __str__(self) -> str:
        return printable(f"{self.location}: {self.message}")


class _Outline:
    """A document with the lines of its fields; maps are searched through once, however large."""

    def __init__(self, root: yaml.Node | None) -> None:
        self._root = root
        self._fields: dict[int, Mapping[str, tuple[yaml.Node, yaml.Node]]] = {}

    def line_of(self, path: str) -> int:
        """The line, counted from zero, of a field or of the innermost on the way that is there."""
        node = self._root
        line = node.start_mark.line if node is not None else 0
        while path and node is not None:
            marked, node, path = self._step(node, path)
            line = line if marked is None else marked.start_mark.line
        return line

    def line_in(self, path: str, line: int) -> int | None:
        """The line, counted from zero, of a line in a field's text; None if it is not there."""
        node = self._root
        marked: yaml.Node | None = None
        while path and node is not None:
            marked, node, path = self._step(node, path)
        if marked is None or node is None:
            return None
        is_block = isinstance(node, yaml.ScalarNode) and node.style == "|"
        return marked.start_mark.line + (line if is_block else 0)

    def _step(self, node: yaml.Node, path: str) -> tuple[yaml.Node | None, yaml.Node | None, str]:
        """What stands one level below on the path, the value there, and the rest of the path."""
        found = _INDEX.match(path)
        if isinstance(node, yaml.SequenceNode) and found and int(found[1]) < len(node.value):
            item = node.value[int(found[1])]
            return item, item, path[found.end() :]
        if isinstance(node, yaml.MappingNode):
            fields = self._fields_of(node)
            for name, rest in _beginnings(path):
                if name in fields:
                    return *fields[name], rest
        return None, None, ""

    def _fields_of(self, node: yaml.MappingNode) -> Mapping[str, tuple[yaml.Node, yaml.Node]]:
        if id(node) not in self._fields:
            self._fields[id(node)] = {str(key.value): (key, value) for key, value in node.value}
        return self._fields[id(node)]


def _beginnings(path: str) -> Iterator[tuple[str, str]]:
    """What a path can begin with, and the rest; the longest first, for a key may hold dots."""
    if path.startswith("["):
        for end in (found.start() for found in reversed(list(re.finditer(r"\]", path)))):
            yield path[1:end], path[end + 1 :].removeprefix(".")
        return
    yield path, ""
    for end in (found.start() for found in reversed(list(re.finditer(r"[.\[]", path)))):
        yield path[:end], path[end:].removeprefix(".")


@lru_cache(maxsize=1)
def _outline(text: str) -> _Outline:
    """A document with its lines, made once however many mistakes there are; none for some JSON."""
    try:
        return _Outline(yaml.compose(text, Loader=YAML_LOADER))
    except yaml.YAMLError:
        return _Outline(None)

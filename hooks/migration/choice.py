"""Which namespaces a tool copies into, in the words of a syncer's spec."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from hooks.migration import expressions, label_selectors
from hooks.preview.simulator.objects import Object, labels_of, name_of, selects
from hooks.spec.globs import Patterns, is_glob


# Without slots, for the patterns are made ready once.
@dataclass(frozen=True)
class NamespaceChoice:
    """All namespaces, or those that a pattern or the selector matches.

    `lost` are sentences about what a spec cannot say; the namespaces that only this matches are
    not among those that are chosen.
    """

    is_everywhere: bool = False
    patterns: Sequence[str] = ()
    selector: Object | None = None
    lost: Sequence[str] = ()

    @classmethod
    def of(cls, annotations: Object, list_key: str, selector_key: str) -> Self:
        """What two annotations choose: a list of expressions, and a label selector."""
        patterns: dict[str, None] = {}
        lost = []
        for expression in filter(None, map(str.strip, annotations.get(list_key, "").split(","))):
            found = expressions.globs(expression)
            if found is None:
                lost.append(
                    f'"{expression}" in {list_key} is a regular expression that no glob can stand '
                    "for: the namespaces with a copy are named, and one that is created later gets "
                    "none"
                )
            patterns |= dict.fromkeys(found or ())
        text = annotations.get(selector_key, "").strip()
        selector = label_selectors.parse(text) if text else None
        if text and selector is None:
            lost.append(
                f'"{text}" in {selector_key} is no selector that a syncer can have: the namespaces '
                "with a copy are named, and one that is created or relabelled later gets none"
            )
        return cls(patterns=tuple(patterns), selector=selector, lost=lost)

    def matches(self, namespace: Object) -> bool:
        """Whether a namespace is chosen."""
        if self.is_everywhere or self._ready.matches(name_of(namespace)):
            return True
        return self.selector is not None and selects(self.selector, labels_of(namespace))

    def and_also(self, names: Sequence[str]) -> "NamespaceChoice":
        """This choice and namespaces by their names."""
        return replace(self, patterns=tuple(dict.fromkeys([*self.patterns, *names])))

    def within(self, permitted: "NamespaceChoice", what: str) -> "NamespaceChoice":
        """What both choose, as far as it can be said; `what` names the two annotations."""
        lost = [*self.lost, *permitted.lost]
        if permitted.is_everywhere or self._is_the_same_as(permitted):
            return replace(self, lost=lost)
        if self.is_everywhere:
            return replace(permitted, lost=lost)
        patterns = [
            *(each for each in self.patterns if permitted.covers(each)),
            *(each for each in permitted.patterns if self.covers(each)),
        ]
        both = NamespaceChoice(patterns=tuple(dict.fromkeys(patterns)), lost=lost)
        is_whole = self.selector is permitted.selector is None and all(
            map(permitted.covers, self.patterns)
        )
        if is_whole:
            return both
        unsaid = f"{what} restrict each other in a way that a spec cannot say: the namespaces with "
        return replace(both, lost=[*lost, f"{unsaid}a copy are named, and a new one may get none"])

    def covers(self, pattern: str) -> bool:
        """Whether it certainly chooses whatever a pattern matches."""
        if is_glob(pattern):
            return pattern in self.patterns or "*" in self.patterns
        return self._ready.matches(pattern)

    @cached_property
    def _ready(self) -> Patterns:
        return Patterns.of(self.patterns)

    def _is_the_same_as(self, other: "NamespaceChoice") -> bool:
        return set(self.patterns) == set(other.patterns) and self.selector == other.selector

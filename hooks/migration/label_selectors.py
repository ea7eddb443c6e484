"""Read a label selector as kubectl writes it: `tier=lower,team in (a, b),!legacy`.

Facts: Kubernetes, `labels.Parse`; Reflector has a parser of its own that takes the same but for
`gt` and `lt`, which a LabelSelector cannot say.
"""

import re
from collections.abc import Iterator
from typing import Final

from hooks.preview.simulator.objects import Object
from hooks.spec import selectors

_REQUIREMENT: Final = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<missing>[^\s,!=()]+)"
    r"|(?P<key>[^\s,!=()]+)\s*(?:"
    r"(?P<operator>==|=|!=)\s*(?P<value>[^\s,!=()]*)"
    r"|(?<=\s)(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)"
    r"\s*(?:,|\Z)"
)


def parse(text: str) -> Object | None:
    """The selector as the spec of a syncer takes it; None where a part of it cannot be said."""
    rules = list(_rules(text))
    if None in rules:
        return None
    labels = {rule["key"]: rule["values"][0] for rule in rules if rule and "equal" in rule}
    expressions = [rule for rule in rules if rule and "equal" not in rule]
    if not expressions:
        # Two values for one label select nothing, and a map cannot say that.
        return {"matchLabels": labels} if len(labels) == len(rules) else None
    return ({"matchLabels": labels} if labels else {}) | {"matchExpressions": expressions}


def _rules(text: str) -> Iterator[Object | None]:
    position = 0
    while position < len(text):
        found = _REQUIREMENT.match(text, position)
        rule = found and _rule(found)
        yield rule
        if found is None or rule is None:
            return
        position = found.end()


def _rule(found: re.Match[str]) -> Object | None:
    key = found["missing"] or found["key"]
    if found["absent"]:
        rule: Object = {"key": key, "operator": "DoesNotExist"}
    elif found["set"]:
        values = [value.strip() for value in found["values"].split(",")]
        rule = {"key": key, "operator": "In" if found["set"] == "in" else "NotIn", "values": values}
    elif found["operator"] == "!=":
        rule = {"key": key, "operator": "NotIn", "values": [found["value"]]}
    elif found["operator"]:
        rule = {"key": key, "equal": True, "values": [found["value"]]}
    else:
        rule = {"key": key, "operator": "Exists"}
    valid = selectors.is_label(key) and all(map(selectors.is_label_value, rule.get("values", ())))
    return rule if valid else None

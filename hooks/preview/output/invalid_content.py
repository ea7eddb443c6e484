"""Say at which line of a manifest the content is that breaks a rule of spec.validation.

The status names the key and the line in its value, as the hook sees them. An editor and a CI system
jump to the line of the file.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from hooks.preview.input.source_locations import SourceLocation
from hooks.preview.kubectl import Reference
from hooks.preview.output.changes import unresolved
from hooks.preview.simulation import State
from hooks.preview.simulator.objects import SYNCER, Object, sources_of

_REASON: Final = "ContentInvalid"
_BREACH: Final = re.compile(
    r"breaks (?P<rule>spec\.validation\[\d+\]): (?P<problem>.*?)"
    r"(?: \(line (?P<line>[\d,]+), column [\d,]+\))?; "
)
_KEY: Final = re.compile(
    r"(?:the value|document [\d,]+) of (?P<of>[-._a-zA-Z0-9]+) |it .* at /(?P<at>[-._a-zA-Z0-9]+)$"
)
_FIELDS: Final = ("data", "stringData", "binaryData")


def invalid(after: State) -> Iterator[Object]:
    """The syncers whose content breaks a rule."""
    for reference, item in after.items():
        is_syncer = reference.resource is SYNCER
        if is_syncer and unresolved(item.get("status") or {}) == _REASON:
            yield item


def located(after: State, locations: Mapping[Reference, SourceLocation]) -> Iterator[str]:
    """`file:line: problem` for every source that was read from a file and breaks a rule."""
    for syncer in invalid(after):
        breach = _BREACH.search(_message(syncer))
        kind, name = next(sources_of(syncer))
        source = Reference(kind, syncer["spec"]["sourceNamespace"], name)
        if breach is not None and source in locations:
            key = _KEY.match(breach["problem"])
            fields = [f"{field}.{key['of'] or key['at']}" for field in _FIELDS] if key else []
            line = int((breach["line"] or "0").replace(",", ""))
            place = locations[source].in_text(fields, line)
            yield f"{place}: {source}: {breach['problem']} ({breach['rule']})"


def _message(syncer: Object) -> str:
    """What the status says of the source."""
    conditions = syncer["status"]["conditions"]
    return str(next(each["message"] for each in conditions if each["type"] == "SourceResolved"))

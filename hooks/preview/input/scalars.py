"""Know what a plain word in YAML means to kubectl, which is not what it means to PyYAML.

`12:30` is text for kubectl and a number for PyYAML; `1e3`, `08` and `y` are the other way round. A
preview that reads or writes them differently says something that does not happen. Facts: the
resolver of go-yaml v2, which sigs.k8s.io/yaml uses.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

import yaml

Resolvers: TypeAlias = Mapping[str, list[tuple[str, re.Pattern[str]]]]
"""PyYAML's table: for the first letter of a word, tags with the words that have them."""

_STARTS: Final = "0123456789-+.yYnNtTfFoO~<"
_WORDS: Final = (
    ("bool", r"y|Y|yes|Yes|YES|on|On|ON|true|True|TRUE|n|N|no|No|NO|off|Off|OFF|false|False|FALSE"),
    ("int", r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]*|[1-9][0-9_]*)"),
    ("float", r"[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    ("null", r"~|null|Null|NULL|"),
    ("merge", r"<<"),
)
_PATTERNS: Final = [
    (f"tag:yaml.org,2002:{tag}", re.compile(rf"\A(?:{words})\Z")) for tag, words in _WORDS
]

AS_KUBECTL: Final[Resolvers] = dict.fromkeys(("", *_STARTS), _PATTERNS)
"""What a word means when it is read."""

EITHER_WAY: Final[Resolvers] = {
    start: [*_PATTERNS, *yaml.SafeLoader.yaml_implicit_resolvers.get(start, ())]
    for start in {"", *_STARTS} | yaml.SafeLoader.yaml_implicit_resolvers.keys()
}
"""What a text must not look like to be written without quotes: nothing else to either reader."""

Y_BOOLEANS: Final[Mapping[str, bool]] = {"y": True, "n": False}
"""The words for true and false that PyYAML does not know, in lower case."""

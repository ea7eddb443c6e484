"""Draw what users do to one small cluster, as the steps of a story.

The cluster is small so that what is drawn meets: four Namespaces and one that comes later, two
syncers, two sources, a handful of names and keys. Every list of steps is a history, for what the
API server refuses is left out; so a failing one can be shortened by any step. What is drawn next
depends on what is there by then.

No history has:

- Two changes before the first has settled: which of them comes first is a race.
- A targetLabel edited by hand while all is held: whose the label is when the hold ends differs
  between the strategies.
- A source that is handed from one syncer to another: for a moment it is unmanaged.
- Dynamic apply's annotation on a ConfigMap under server-side apply: a copy that an invalid spec
  holds loses its targetLabels by it. That annotation on a Secret under dynamic apply, or on what is
  no copy: Secrets are not enabled there, and what others made a copy is theirs.
- Staged rollouts: tests/model/rollouts.py has an oracle of its own for them.
- Quotas: to the hook they are what admission is.
- Edits of an object that has finalizers: what is deleted meanwhile is no longer written.
- The end of a syncer or a Namespace with copies that cannot go: stories have it.
- Kubernetes' own namespaces: all histories on a real control plane share them.
- Contents near the limits: unit tests and tests/e2e/test_sizes.py have them.
"""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from tests.definition import COPIED, SPEC
from tests.model.oracle import KEEP, LAST_APPLIED, Key, Manifest, Oracle

Step = Mapping[str, Any]

NAMESPACES: Final = ("x-src", "x-dev", "x-prod", "x-team")
_LATE: Final = "x-late"
_PLACES: Final = (*NAMESPACES, _LATE)
_SYNCERS: Final = ("x-one", "x-two")
_NAMES: Final = ("x-config", "x-other", "x-copy")
_GROUP: Final = "config.example.com"


_HOSTILE: Final = ("\x1b[2J\x07not\nready\r", "Long " * 8_000, "\u202e`rm`")
"""What nobody would write but to harm: it moves a cursor, it does not fit, it reads backwards."""


def _maybe(field: str, *values: object) -> st.SearchStrategy[Manifest]:
    return st.sampled_from([{field: value} for value in (None, *values)])


_TARGETS: Final[Sequence[Any]] = (
    ["x-dev"],
    ["x-dev", "x-prod"],
    ["x-prod", "x-team"],
    ["x-dev", _LATE],
    ["x-team", "x-src"],
    ["x-t*", "x-l*"],
    ["x-*"],
    ["x-dev", "x-????"],
    ["x-dev", "x-prod", "x-team"],
    ["x-dev", "x-prod", "x-team", _LATE],
    ["x-none-*"],
)
_ANY_TIER: Final = {"key": "x-tier", "operator": "Exists"}
_SELECTORS: Final[Sequence[Manifest]] = tuple(
    {
        **dict.fromkeys(("x-tier", "matchLabels", "matchExpressions", "key", "operator")),
        **selector,
    }
    for selector in (
        {"x-tier": "wbe"},
        _ANY_TIER,  # Without matchExpressions these are labels, which no Namespace has.
        {"x-tier": "web"},
        {"matchLabels": {"x-tier": "db"}},
        {"matchExpressions": [_ANY_TIER]},
        {"matchExpressions": [{"key": "x-tier", "operator": "In", "values": ["db", "web"]}]},
        {"matchExpressions": [_ANY_TIER, {"key": "x-tier", "operator": "NotIn", "values": ["db"]}]},
    )
)

_targets = st.one_of(
    st.fixed_dictionaries(
        {
            "targetNamespaces": st.sampled_from(_TARGETS),
            "namespaceSelector": st.just(None),
            "excludeNamespaces": st.just(None),
        }
    ),
    st.fixed_dictionaries(
        {
            "targetNamespaces": st.sampled_from((["x-dev"], ["x-dev", "x-*"], None)),
            "namespaceSelector": st.sampled_from(_SELECTORS),
            "excludeNamespaces": st.sampled_from((None, ["x-t*"], [_LATE, "x-prod"])),
        }
    ),
)


def _named_as_source(kind: str, name: str) -> Manifest:
    return {f"source{each}": name if each == kind else None for each in COPIED}


_sources = st.sampled_from(
    [
        {"sourceNamespace": namespace} | _named_as_source(kind, name)
        for namespace, kind, name in (
            *[("x-src", "ConfigMap", "x-config")] * 6,
            ("x-src", "ConfigMap", "x-other"),
            *[("x-dev", "ConfigMap", "x-config")] * 2,
            ("x-dev", "ConfigMap", "x-other"),
            *(("x-src", kind, "x-config") for kind in COPIED if kind != "ConfigMap"),
        )
    ]
)
_contents = st.sampled_from(
    [
        {"keys": keys, "renameKeys": {"level": None, "color": None} | renamed}
        for keys, renamed in (
            (None, {}),
            (["level"], {}),
            (["l*"], {}),
            (["absent"], {}),
            (None, {"level": "LEVEL"}),
            (None, {"level": "color"}),
            (["level", "color"], {"color": "LEVEL"}),
        )
    ]
)
_GROUPS: Final[dict[str, st.SearchStrategy[Manifest]]] = {
    "targets": _targets,
    "source": _sources,
    "content": _contents,
    "targetName": _maybe("targetName", "x-copy", "x-other"),
    "targetLabels": st.fixed_dictionaries(
        {
            "targetLabels": st.fixed_dictionaries(
                {"shape": st.sampled_from((None, "round", "flat"))}
            ),
            "targetAnnotations": st.fixed_dictionaries(
                {"shape": st.sampled_from((None, "round", "flat"))}
            ),
        }
    ),
    "pruneLimit": _maybe("pruneLimit", 0, 0, 1, "50%"),
    "validation": _maybe(
        "validation",
        [{"format": "YAML"}],
        [{"keys": ["col*"], "format": "JSON"}],
        [{"schema": {"required": ["color"]}}],
        [{"keys": ["level"], "schema": {"properties": {"level": {"enum": ["info", "edited"]}}}}],
        [{"format": "YAML"}, {"keys": ["l*"], "format": "YAML", "schema": {"type": "string"}}],
    ),
}
"""Fields of a spec whose definition does not say what is worth drawing, in groups."""
FIXED: Final = {"progressDeadlineSeconds": 1, "rollout": None, "pinnedRevision": None}
"""With a deadline of a second what hangs is said at once."""
_HAND_WRITTEN: Final = frozenset(
    {
        *FIXED,
        *("sourceNamespace", *(f"source{kind}" for kind in COPIED)),
        *("targetNamespaces", "namespaceSelector", "excludeNamespaces"),
        *("keys", "renameKeys"),
        *("targetName", "targetLabels", "targetAnnotations", "pruneLimit", "validation"),
    }
)
"""The fields of these groups."""


def _defined(field: str, schema: Manifest) -> st.SearchStrategy[Manifest]:
    """Every value of a field that has few, and the limits of a number."""
    match schema:
        case {"type": "boolean"}:
            return _maybe(field, True, False)
        case {"enum": values}:
            return _maybe(field, *values)
        case {"minimum": least, "maximum": most}:
            return _maybe(field, least, most)
        case _:
            raise NotImplementedError(f"say in {__file__} what to draw for spec.{field}")


FIELDS: Final[Mapping[str, st.SearchStrategy[Manifest]]] = _GROUPS | {
    field: _defined(field, schema) for field, schema in SPEC.items() if field not in _HAND_WRITTEN
}
"""The groups of fields of a spec that are drawn; a group is always written as a whole."""
_POLICIES: Final = (
    *(field for field in FIELDS if "enum" in SPEC.get(field, ())),
    "pruneLimit",
)
"""What every new syncer has a word on; it says nothing alone."""
_OTHERS: Final = tuple(g for g in FIELDS if g not in ("targets", "source", *_POLICIES))

# What an object holds, and who it says to be.

_values = st.sampled_from(
    (
        {"level": "info"},
        {"level": "debug", "color": "blue"},
        {"color": "red"},
        {"level": "", "extra": "to-be-removed"},
    )
)
_edits = st.sampled_from(
    (
        {"data": {"level": "edited"}},
        {"data": {"extra": "mine"}},
        {"data": {"level": None}},
        {"data": {"color": None, "level": None, "extra": None}},
        {"binaryData": {"blob": "AAE="}},
        {"data": {"level": None}, "binaryData": {"level": "AAE="}},
        {"data": {"level": "moved"}, "binaryData": {"level": None}},
    )
)
_consents = st.sampled_from(("x-dev, x-prod", "*", "x-t*", "", "Not a list!", *_HOSTILE))
_uids = st.sampled_from([f"uid of ConfigMapSyncer {name}" for name in _SYNCERS])
_labels_of_nobody: st.SearchStrategy[Manifest] = st.sampled_from(
    (
        {"note": "mine"},
        {"synced-by": "x-one"},
        {"synced-by": "x-two"},
        {"synced-by": "z" * 63},
        {"synced-by": None},
        {"controller-uid": None},
        {"synced-by": None, "controller-uid": None},
    )
)
_labels: st.SearchStrategy[Manifest] = st.one_of(
    _labels_of_nobody, _uids.map(lambda uid: {"controller-uid": uid})
)
_annotations = st.one_of(
    st.sampled_from(
        (
            {"note": "mine"},
            {f"{_GROUP}/source": None},
            {f"{_GROUP}/source": "x-src/x-other"},
            {f"{_GROUP}/content-hash": "sha256:forged"},
            {f"{_GROUP}/content-hash": None},
            {LAST_APPLIED: "nonsense"},
            {f"{_GROUP}/allow-sync-to": None},
        )
    ),
    st.builds(
        lambda name, text: {name: text},
        st.sampled_from((f"{_GROUP}/source", f"{_GROUP}/content-hash", "note")),
        st.sampled_from(_HOSTILE),
    ),
    _consents.map(lambda consent: {f"{_GROUP}/allow-sync-to": consent}),
)
# What is likely to be in somebody's way is drawn more often.
_places = st.sampled_from((*_PLACES, "x-dev", "x-dev", "x-prod"))
_names = st.sampled_from((*_NAMES, "x-config", "x-config", "x-config", "x-config"))
_kinds = st.sampled_from(("ConfigMap",) * 5 + ("Secret",))


def _encoded(values: Mapping[str, str | None]) -> Manifest:
    return {
        key: None if value is None else base64.b64encode(value.encode()).decode()
        for key, value in values.items()
    }


def _bare(item: Any) -> Any:
    """What a new object says: no field is taken away."""
    if not isinstance(item, dict):
        return item
    return {key: _bare(value) for key, value in item.items() if value is not None}


@st.composite
def _objects(draw: st.DrawFn) -> Step:
    """Somebody applies an object: a source, something in the way, a hand edit."""
    kind, values = draw(_kinds), draw(_values)
    metadata: Manifest = {"namespace": draw(_places), "name": draw(_names)}
    if draw(st.integers(0, 2)) == 0:
        metadata["labels"] = _bare(draw(_labels))
    if kind == "Secret" or draw(st.integers(0, 2)) == 0:
        metadata["annotations"] = _bare(draw(_annotations))
    item = {"kind": kind, "metadata": metadata}
    item["data"] = _encoded(values) if kind == "Secret" else values
    if draw(st.integers(0, 7)) == 0:
        item["immutable"] = True
    return {"apply": [item]}


@st.composite
def _copies_elsewhere(draw: st.DrawFn) -> Step:
    """Somebody applies the manifest of a copy, owner and all, in another place."""
    syncer = draw(st.sampled_from(_SYNCERS))
    uid = f"uid of ConfigMapSyncer {syncer}"
    owner = {"apiVersion": f"{_GROUP}/v1alpha1", "kind": "ConfigMapSyncer", "name": syncer}
    metadata = {
        "namespace": draw(_places),
        "name": draw(_names),
        "labels": {"synced-by": syncer, "synced-from": "x-src", "controller-uid": uid},
        "annotations": {f"{_GROUP}/source": "x-src/x-config"},
        "ownerReferences": [owner | {"uid": uid, "controller": True}],
    }
    return {"apply": [{"kind": "ConfigMap", "metadata": metadata, "data": draw(_values)}]}


def _annotated(key: Key) -> st.SearchStrategy[Step]:
    """Somebody edits what a copy says of itself."""
    of = f"{key[0]} {key[1]}/{key[2]}"
    return _annotations.map(
        lambda annotations: {
            "patch": {"of": of, "with": {"metadata": {"annotations": annotations}}}
        }
    )


def _relabelled(key: Key) -> st.SearchStrategy[Step]:
    """Somebody takes a copy off its syncer."""
    of = f"{key[0]} {key[1]}/{key[2]}"
    return _labels_of_nobody.map(
        lambda labels: {"patch": {"of": of, "with": {"metadata": {"labels": labels}}}}
    )


@st.composite
def _tampering(draw: st.DrawFn, there: Key, labels: st.SearchStrategy[Manifest]) -> Step:
    """Somebody changes one thing about an object."""
    kind, namespace, name = there
    syncer = draw(st.sampled_from(_SYNCERS))
    reference = {"apiVersion": f"{_GROUP}/v1alpha1", "kind": "ConfigMapSyncer", "name": syncer}
    demoted = {**reference, "uid": f"uid of ConfigMapSyncer {syncer}", "controller": False}
    another = {"apiVersion": "v1", "kind": "Namespace", "name": namespace, "controller": True}
    another["uid"] = f"uid of Namespace {namespace}"
    text = draw(st.sampled_from(_HOSTILE))
    hostile = {"apiVersion": text, "kind": text, "name": text, "uid": text, "controller": True}
    metadata = st.one_of(
        labels.map(lambda changed: {"labels": changed}),
        _annotations.map(lambda annotations: {"annotations": annotations}),
        st.sampled_from([{"ownerReferences": o} for o in (None, [demoted], [another], [hostile])]),
    )
    change: Manifest = draw(
        st.one_of(
            metadata.map(lambda changed: {"metadata": changed}),
            st.just({"immutable": True}),
            *([] if kind == "Secret" else [_edits, _edits]),
        )
    )
    return {"patch": {"of": f"{kind} {namespace}/{name}", "with": change}}


_HOLD: Final = "example.com/hold"
_holds: st.SearchStrategy[Manifest] = st.sampled_from(
    (
        {"finalizers": [_HOLD]},
        {"finalizers": [f"{_HOLD}-{number}" for number in range(300)]},
        {"labels": {KEEP: "yes"}},
        {"labels": {KEEP: "yes"}},
    )
)


def _held_up(key: Key) -> st.SearchStrategy[Step]:
    """Somebody sees to it that a copy does not go."""
    of = f"{key[0]} {key[1]}/{key[2]}"
    return _holds.map(lambda metadata: {"patch": {"of": of, "with": {"metadata": metadata}}})


def _let_go(key: Key) -> st.SearchStrategy[Step]:
    of = f"{key[0]} {key[1]}/{key[2]}"
    return st.sampled_from(({"finalizers": None}, {"labels": {KEEP: None}})).map(
        lambda metadata: {"patch": {"of": of, "with": {"metadata": metadata}}}
    )


def _deleted(key: Key) -> Step:
    return {"delete": {"of": f"{key[0]} {key[1]}/{key[2]}"}}


def _changed_sources(key: Key) -> st.SearchStrategy[Step]:
    """Its owner edits a source, or says where it may be copied to."""
    kind, namespace, name = key
    consents = _consents.map(
        lambda consent: {"metadata": {"annotations": {f"{_GROUP}/allow-sync-to": consent}}}
    )
    origins = st.sampled_from((None, *_HOSTILE)).map(
        lambda origin: {"metadata": {"annotations": {f"{_GROUP}/source": origin}}}
    )
    change = consents if kind == "Secret" else st.one_of(_edits, consents, origins)
    return change.map(lambda patch: {"patch": {"of": f"{kind} {namespace}/{name}", "with": patch}})


@st.composite
def _new_syncers(draw: st.DrawFn, name: str | None = None) -> Step:
    spec = draw(_targets) | draw(_sources) | FIXED
    others = draw(st.lists(st.sampled_from(_OTHERS), max_size=2, unique=True))
    for group in [*_POLICIES, *others]:
        spec |= draw(FIELDS[group])
    name = name or draw(st.sampled_from(_SYNCERS))
    return {"apply": [{"kind": "ConfigMapSyncer", "metadata": {"name": name}, "spec": _bare(spec)}]}


def _emptied_syncers(name: str) -> Step:
    """Somebody mistypes what a syncer selects."""
    spec = {
        "targetNamespaces": ["x-none-*"],
        **dict.fromkeys(("namespaceSelector", "excludeNamespaces", "pruneLimit")),
    }
    return {"patch": {"of": f"ConfigMapSyncer {name}", "with": {"spec": spec}}}


@st.composite
def _edited_syncers(draw: st.DrawFn, name: str) -> Step:
    spec = draw(FIELDS[draw(st.sampled_from((*FIELDS, "targets", "targets", "content")))])
    return {"patch": {"of": f"ConfigMapSyncer {name}", "with": {"spec": spec}}}


_cascades = st.sampled_from((None, None, "foreground", "orphan"))
_namespaces = st.one_of(
    st.builds(
        lambda name, tier: {
            "apply": [{"kind": "Namespace", "metadata": {"name": name, "labels": {"x-tier": tier}}}]
        },
        _places,
        st.sampled_from(("web", "db")),
    ),
    st.builds(
        lambda name: {
            "patch": {"of": f"Namespace {name}", "with": {"metadata": {"labels": {"x-tier": None}}}}
        },
        _places,
    ),
    _places.map(lambda name: {"delete": {"of": f"Namespace {name}"}}),
)


def _steps(known: Oracle) -> st.SearchStrategy[Step]:
    """What can be done with what is there."""
    there = [key for key in known.objects if key[0] in COPIED]
    syncers, held, sources = known.syncers(), known.held_by_the_prune_guard(), known.sources()
    fixed = {key for key in sources if known.is_controlled(key)}
    hanging = [key for key in there if known.may_not_go(key)]
    copies = [key for key in there if known.is_controlled(key) and key not in {*fixed, *hanging}]
    possible = [_objects(), _objects(), _copies_elsewhere(), _namespaces]
    if len(syncers) < len(_SYNCERS):
        possible += [_new_syncers()]
    if syncers:
        named = st.sampled_from(syncers)
        possible += [named.flatmap(_edited_syncers)] * 4
        possible += [named.map(_emptied_syncers)]
        possible += [
            st.builds(
                lambda name, cascade: {
                    "delete": {"of": f"ConfigMapSyncer {name}", "cascade": cascade}
                },
                named,
                _cascades,
            )
        ]
    if copies:
        possible += [st.sampled_from(copies).flatmap(_held_up)] * 2
        possible += [st.sampled_from(copies).flatmap(_annotated)] * 2
        possible += [st.sampled_from(copies).flatmap(_relabelled)]
    if hanging:
        possible += [st.sampled_from(hanging).flatmap(_let_go)] * 2
        possible += [st.sampled_from(hanging).map(_deleted)] * 2
    if held:
        possible += [st.sampled_from(held).map(lambda name: {"mend": name})] * 4
    if sources:
        possible += [st.sampled_from(sources).flatmap(_changed_sources)] * 3
        possible += [st.sampled_from(sources).map(_deleted)]
    if there:
        objects = st.sampled_from(there)
        possible += [
            objects.flatmap(
                lambda key: _tampering(key, _labels_of_nobody if key in fixed else _labels)
            )
        ] * 5
        possible += [objects.map(_deleted)]
    return st.one_of(possible)


GUARD: Final[Sequence[Manifest]] = (
    {
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": KEEP},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "DELETE"],
                        "resources": [f"{kind.lower()}s" for kind in COPIED],
                    }
                ],
                "objectSelector": {"matchExpressions": [{"key": KEEP, "operator": "Exists"}]},
            },
            "validations": [{"expression": "false", "message": "it has to stay"}],
        },
    },
    {
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": KEEP},
        "spec": {"policyName": KEEP, "validationActions": ["Deny"]},
    },
)
"""What refuses to delete an object with a label, and to create one, so that it can be seen."""

_SOURCES: Final[Sequence[Step]] = [
    {
        "apply": [
            {
                "kind": kind,
                "metadata": {"name": name, "namespace": "x-src"} | metadata,
                "data": data,
            }
        ]
    }
    for kind, name, metadata, data in (
        ("ConfigMap", "x-config", {}, {"level": "info", "color": "blue"}),
        ("ConfigMap", "x-other", {}, {"level": "other"}),
        *(
            (
                kind,
                "x-config",
                {"annotations": {f"{_GROUP}/allow-sync-to": "*"}},
                _encoded({"level": kind.lower()}),
            )
            for kind in COPIED
            if kind != "ConfigMap"
        ),
    )
]


def drawn(data: st.DataObject, oracle: Callable[[], Oracle], most_steps: int) -> Iterator[Step]:
    """Sources, what is in the way, a syncer, and then anything that can be done with all that."""
    yield from _SOURCES
    for _ in range(data.draw(st.integers(0, 3))):
        yield data.draw(_objects())
    yield data.draw(_new_syncers("x-one"))
    for _ in range(data.draw(st.sampled_from((most_steps // 4, most_steps // 2, most_steps)))):
        yield data.draw(_steps(oracle()))

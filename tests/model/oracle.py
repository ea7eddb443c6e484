"""What is promised to be there once everything has settled, in plain Python.

It shares no code with the service and knows nothing of requests, syncs or field managers: only
what users did, one thing after another, and what the documentation says comes of it. What is there
stays where nothing else is promised, so held, kept and handed-over copies need no rules of their
own. Where two syncers may both take a free place, `who` is asked which of them did.

Objects are manifests, as in Kubernetes. What cannot be seen on them and matters is in `_marks`:
which labels and annotations a syncer wrote, whether one wrote at all, and whether somebody else
than a syncer made the object immutable.
"""

import base64
import copy
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.definition import COPIED, DEFAULTS

Manifest = dict[str, Any]
Key = tuple[str, str, str]
"""Kind, namespace (empty where there is none) and name."""
Who = Callable[[Key, Sequence[str]], str]

_GROUP = "config.example.com"
_FROM = f"{_GROUP}/source"
_HASH = f"{_GROUP}/content-hash"
_CONSENT = f"{_GROUP}/allow-sync-to"
LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"
"""Where Metacontroller keeps what it wrote under dynamic apply; histories hold nonsense there."""
KEEP = "x-keep"
"""The label of objects that an admission policy protects from deletion, without the prefix."""


class WriteRefused(Exception):
    """The API server would refuse this, so it is no part of the history."""


@dataclass
class _Mark:
    written: set[str] = field(default_factory=set)
    is_ours: bool = False
    is_frozen_by_others: bool = False
    is_of_others_origin: bool = False


@dataclass(frozen=True)
class _Wish:
    """What a syncer wants now: where (with why not), and what, or why it holds."""

    targets: Mapping[str, str | None]
    kind: str
    name: str
    content: Manifest | None
    problem: str | None

    is_suspended: bool

    @property
    def is_held(self) -> bool:
        """Whether every copy stays as it is."""
        return self.problem is not None or self.is_suspended

    def places(self) -> dict[Key, str]:
        """The places for its copies that nothing but another object can be in the way of."""
        return {(self.kind, ns, self.name): ns for ns, why in self.targets.items() if why is None}


class Oracle:
    """A cluster as it is when it has settled."""

    def __init__(self, strategy: str, keep: str = KEEP) -> None:
        self.strategy = strategy
        self._keep: str | None = keep
        self.refused: set[Key] = set()
        """What was to be deleted when everything had settled, and may not be."""
        self.objects: dict[Key, Manifest] = {}
        self.statuses: dict[str, Manifest] = {}
        self._marks: dict[Key, _Mark] = {}
        self._held_changes: dict[str, str] = {}
        self._confirmed: dict[str, str] = {}
        self._generations: Counter[str] = Counter()
        self._judged: dict[str, int] = {}
        self._former: dict[str, set[str]] = {}
        self._former_of: dict[str, int] = {}
        self._uids = itertools.count(1)

    # What users do. Each raises Refused where the API server would.

    def apply(self, manifest: Manifest) -> None:
        key = _key(manifest)
        if key in self.objects:
            if key[0] == "ConfigMapSyncer":
                raise WriteRefused  # Merged with what is there, two good specs may make a bad one.
            self.patch(key, manifest)
            return
        if key[1] and ("Namespace", "", key[1]) not in self.objects:
            raise WriteRefused
        self._create(key, _merged({}, manifest))

    def patch(self, key: Key, patch: Manifest) -> None:
        if key not in self.objects:
            raise WriteRefused
        old = self.objects[key]
        new = _merged(old, patch)
        _refuse_impossible(old, new)
        if (_finalizers(old) or _finalizers(new)) and _but_finalizers(old) != _but_finalizers(new):
            raise WriteRefused  # Histories edit nothing else of what may hang.
        if _finalizers(new) and key in self.sources():
            raise WriteRefused
        self._refuse_undrawn(key, new)
        self.objects[key] = new
        if _is_terminating(old) and not _finalizers(new):
            self._remove(key)
            return
        origin = _annotations(new).get(_FROM)
        if origin != _annotations(old).get(_FROM):
            self._marks[key].is_of_others_origin = origin is not None
        if key[0] == "ConfigMapSyncer" and DEFAULTS | new["spec"] != DEFAULTS | old["spec"]:
            self._generations[key[2]] += 1
        if new.get("immutable") and not old.get("immutable"):
            self._marks[key].is_frozen_by_others = True

    def _refuse_undrawn(self, key: Key, item: Manifest) -> None:
        """Dynamic apply's annotation is forged only on copies, of the kind that takes notice."""
        if LAST_APPLIED in _annotations(item):
            kind = "ConfigMap" if self.strategy == "dynamic-apply" else "Secret"
            if key[0] != kind or key not in self._marks or not self._marks[key].is_ours:
                raise WriteRefused

    def delete(self, key: Key, cascade: str | None = None) -> None:
        if key not in self.objects or self._is_hanging_on(key):
            raise WriteRefused
        if _finalizers(self.objects[key]):
            self._remove(key)
            return
        if key[0] == "ConfigMapSyncer":
            self._end(key[2], cascade)
            self._held_changes.pop(key[2], None)
            self._judged.pop(key[2], None)
            self._former_of.pop(key[2], None)
        del self.objects[key]
        if key[0] == "Namespace":
            self.objects = {k: item for k, item in self.objects.items() if k[1] != key[2]}

    def _is_hanging_on(self, key: Key) -> bool:
        """Whether what would go with an object has finalizers or may not be deleted."""
        kind, _, name = key
        if kind in COPIED:
            return self._is_guarded(self.objects[key])
        uid = self.objects[key]["metadata"]["uid"]
        return any(
            (kind == "Namespace" and k[1] == name)
            or any(owner["uid"] == uid for owner in self._owners_of(k))
            or (kind == "ConfigMapSyncer" and _labels(item).get("synced-by") == name)
            for k, item in self.objects.items()
            if k[0] in COPIED
            if _finalizers(item) or self._is_guarded(item) or self._is_unreadable(item)
        )

    def _is_unreadable(self, item: Manifest) -> bool:
        """Whether Metacontroller cannot update an object, for it cannot read what it last wrote."""
        return self.strategy == "dynamic-apply" and LAST_APPLIED in _annotations(item)

    def with_unreadable_copies(self) -> set[str]:
        """The syncers with a copy that Metacontroller keeps updating without success."""
        owners = {_controller(item) for item in self.objects.values() if self._is_unreadable(item)}
        return {name for name in self.syncers() if self._uid(name) in owners}

    def _is_guarded(self, item: Manifest) -> bool:
        return self._keep in _labels(item)

    def mend(self, name: str) -> None:
        """Do what a status asks for: confirm the change that mass-deletion protection holds."""
        if name not in self.held_by_the_prune_guard():
            raise WriteRefused
        self._confirmed[name] = self._held_changes[name]

    def _create(self, key: Key, item: Manifest) -> None:
        _refuse_impossible({}, item)
        self._refuse_undrawn(key, item)
        item["metadata"]["uid"] = f"uid-{next(self._uids)}"
        self.objects[key] = item
        self._marks[key] = _Mark(is_frozen_by_others=bool(item.get("immutable")))

    def sources(self) -> list[Key]:
        """What is copied, or would be if it were not a copy itself."""
        sources = {self._source_key(name) for name in self.syncers()}
        return sorted(sources & self.objects.keys())

    def is_controlled(self, key: Key) -> bool:
        return _controller(self.objects[key]) is not None

    def may_not_go(self, key: Key) -> bool:
        return bool(_finalizers(self.objects[key])) or self._is_guarded(self.objects[key])

    def held_by_the_prune_guard(self) -> list[str]:
        """The syncers whose status says so."""
        conditions = {name: status["conditions"] for name, status in self.statuses.items()}
        return [name for name, by_type in conditions.items() if by_type["Ready"][1] == "PruneHeld"]

    # What comes of it.

    def settle(self, who: Who) -> None:
        """Let every syncer act until nothing changes."""
        before = None
        while before != self.objects:
            before = copy.deepcopy(self.objects)
            self.refused = set()
            self._claim(who)
            for name in self.syncers():
                self._tend(name, who)
        self.statuses = {name: self._status(name) for name in self.syncers()}
        for name, status in self.statuses.items():
            if status["conditions"]["SourceResolved"][1] != "InvalidSpec":
                self._judged[name] = self._generations[name]

    def syncers(self) -> list[str]:
        return sorted(name for kind, _, name in self.objects if kind == "ConfigMapSyncer")

    def _claim(self, who: Who) -> None:
        """The label `controller-uid` says whose a copy is: without it one is let go, else adopted.

        One that is let go may at once be taken back by its `synced-by`.
        """
        for name in self.syncers():
            for key in self._controlled(name):
                if _labels(self.objects[key]).get("controller-uid") != self._uid(name):
                    self._disown(self.objects[key], name)
        for key, item in self.objects.items():
            labelled = _labels(item).get("controller-uid") if key[0] in COPIED else None
            for name in self.syncers():
                if labelled == self._uid(name) and _controller(item) is None:
                    takers = [n for n in self._wanting(key) if self._may_take(n, item)]
                    if who(key, [name, *takers]) == name:
                        self._disown(item, name)
                        _owners(item).append(self._reference(name))

    def _tend(self, name: str, who: Who) -> None:
        self._remember(name)
        wish = self._wish(name)
        if wish.problem != "InvalidSpec":
            for key in self._controlled(name):
                if self._is_of_another(key, name, wish):
                    self._remove(key)
        if wish.is_held:
            self._hold(name, wish)
        else:
            self._write_all(name, wish, who)
        for key in self._controlled(name):
            if key not in self.refused:
                self._retain(key, name)

    def _remember(self, name: str) -> None:
        """From a change of the spec on, what copies say then was named before, and nothing else."""
        origins_of_copies = {
            _annotations(self.objects[key]).get(_FROM) for key in self._controlled(name)
        }
        origins = {one for one in origins_of_copies if one and _is_source(one)} - {
            self._source_path(name)
        }
        if self._former_of.get(name) != self._generations[name]:
            self._former_of[name] = self._generations[name]
            self._former[name] = origins
        self._former[name] &= origins

    def _write_all(self, name: str, wish: _Wish, who: Who) -> None:
        guarded = self._guard_pruning(name, wish)
        done = {ns for key, ns in wish.places().items() if self._place(key, name, wish, who)}
        for key in self._controlled(name):
            ns = key[1]
            stays = not self._marks[key].is_ours or key in wish.places()
            if ns in wish.targets and not stays and not _is_terminating(self.objects[key]):
                why = wish.targets[ns]
                waits = why is None and ns not in done
                # Consent that a new source does not give withdraws nothing from the old one's.
                stays = waits or (why == "ConsentMissing" and not self._is_made(key, name))
            if not stays and ns not in guarded:
                self._remove(key)

    def _is_of_another(self, key: Key, name: str, wish: _Wish) -> bool:
        """Whether it is another syncer's copy, which came by the label `controller-uid` alone."""
        says = _labels(self.objects[key]).get("synced-by")
        is_named = (key[0], key[2]) == (wish.kind, wish.name)
        return self._marks[key].is_ours and says not in (None, name) and not is_named

    def _hold(self, name: str, wish: _Wish) -> None:
        """Every copy stays, except those that somebody else deletes."""
        if not (self._losing(name, wish) if wish.problem else self._would_hold(name)):
            self._held_changes.pop(name, None)
        elif not wish.is_suspended and self._is_emptied(name, wish):
            self._held_changes[name] = self._change(name, wish)
        for key in self._controlled(name):
            if self._is_withdrawn(key, name) and self._marks[key].is_ours:
                self._remove(key)
        if self._deletes_with_source(name, wish):
            self._delete_with_source(name, wish)

    def _delete_with_source(self, name: str, wish: _Wish) -> None:
        """The source is lost: where that is asked for, the copies made from it go, too."""
        released = [
            key
            for key in wish.places()
            if self.strategy == "server-side-apply"
            and key in self.objects
            and self._goes_along(name, self.objects[key])
        ]
        for key in [*self._controlled(name), *released]:
            if self._is_from(key, name) and (self._marks[key].is_ours or key in released):
                self._remove(key)

    def _deletes_with_source(self, name: str, wish: _Wish) -> bool:
        is_lost = wish.problem == "SourceNotFound" and not wish.is_suspended
        return is_lost and self._spec(name).get("sourceDeletionPolicy") == "Delete"

    def _desired_namespaces(self, name: str, wish: _Wish) -> set[str]:
        """The namespaces that should have a copy; the source's own never does."""
        return wish.targets.keys() - {self._spec(name)["sourceNamespace"]}

    def _losing(self, name: str, wish: _Wish) -> set[str]:
        """The namespaces whose copy is deleted only because they are no longer targets."""
        desired = self._desired_namespaces(name, wish)
        return {
            key[1]
            for key in self._controlled(name)
            if key[1] not in desired and self._marks[key].is_ours
            if not _is_terminating(self.objects[key]) and not self._is_withdrawn(key, name)
            if not self._is_of_another(key, name, wish)
        }

    def _guard_pruning(self, name: str, wish: _Wish) -> set[str]:
        """The namespaces that would lose their copy and do not, for they are too many at once."""
        losing = self._losing(name, wish)
        change = self._change(name, wish)
        given = self._spec(name).get("pruneLimit")
        living = {k[1] for k in self._controlled(name) if not _is_terminating(self.objects[k])}
        number, present = len(losing), len(living)
        before = self._held_changes.get(name)
        # Through another change a held one stays held, unless all that is still held may go.
        is_free = before is None or number <= _limit("50%" if given is None else given, number)
        # Where nothing that was held would go, that change is undone and this is one of its own.
        is_free |= losing <= set(self.statuses.get(name, {}).get("syncedNamespaces", ()))
        if (
            not losing
            or change == self._confirmed.get(name)
            or (
                number <= _limit("100%" if given is None else given, present)
                and before != change
                and is_free
                and not self._is_emptied(name, wish)
            )
        ):
            self._held_changes.pop(name, None)
            return set()
        self._held_changes[name] = change
        return losing

    def _change(self, name: str, wish: _Wish) -> str:
        desired = sorted(self._desired_namespaces(name, wish))
        return f"{self._uid(name)} {self._generations[name]} {desired}"

    def _is_emptied(self, name: str, wish: _Wish) -> bool:
        """Whether the spec was edited so that no target is left, and no limit allows that."""
        is_edited = self._judged.get(name) != self._generations[name]
        there = {ns for ns, why in wish.targets.items() if why != "NamespaceNotFound"}
        is_left = there - {self._spec(name)["sourceNamespace"]}
        return is_edited and not is_left and self._spec(name).get("pruneLimit") is None

    def _place(self, key: Key, name: str, wish: _Wish, who: Who) -> bool:
        """Bring the copy to one place; whether it is there."""
        content = wish.content or {}
        found = self.objects.get(key)
        if found and self._may_take(name, found):
            takers = [n for n in self._wanting(key) if self._may_take(n, found)]
            if who(key, takers) != name:
                return False
            _owners(found).append(self._reference(name))
        if found and _controller(found) == self._uid(name) and not _is_terminating(found):
            is_other = _content(found) != content
            # Who wrote where it comes from is taken for the syncer, which made it immutable.
            mark = self._marks[key]
            is_frozen = mark.is_frozen_by_others and not mark.is_of_others_origin
            thawed = not is_frozen and not self._spec(name).get("immutable")
            if (
                self._is_unreadable(found)
                or found.get("type") != content.get("type")
                or (found.get("immutable") and (is_other or thawed))
            ):
                self._remove(key)
                if key in self.objects:
                    return False
                found = None
        if found is None:
            if who(key, self._wanting(key)) != name:
                return False
            self._create(key, _empty(key, content))
            _owners(self.objects[key]).append(self._reference(name))
            found = self.objects[key]
        if _controller(found) != self._uid(name) or _is_terminating(found):
            return False
        self._write(key, name, content)
        return True

    def _write(self, key: Key, name: str, content: Manifest) -> None:
        spec, item, mark = self._spec(name), self.objects[key], self._marks[key]
        for part in ("data", "binaryData"):
            item[part] = dict(content.get(part, {}))
        if spec.get("immutable"):
            item["immutable"] = True
        labels = {
            **(spec.get("targetLabels") or {}),
            "synced-by": name,
            "synced-from": spec["sourceNamespace"],
            "app.kubernetes.io/managed-by": "configmap-syncer",
            "controller-uid": self._uid(name),
        }
        annotations = {**(spec.get("targetAnnotations") or {}), _FROM: self._source_path(name)}
        if key[0] != "Secret":
            annotations[_HASH] = digest(content)
        for there, desired in ((_labels(item), labels), (_annotations(item), annotations)):
            for gone in mark.written - desired.keys():
                there.pop(gone, None)
            there.update(desired)
        if self.strategy == "server-side-apply" and key[0] == "Secret":
            _annotations(item).pop(LAST_APPLIED, None)
        mark.written = {*labels, *annotations}
        mark.is_ours = True
        mark.is_of_others_origin = False
        self._retain(key, name)

    def _retain(self, key: Key, name: str) -> None:
        """Under Retain a copy's own Namespace is its second owner, where the syncer can see it."""
        retains = self._spec(name).get("deletionPolicy") == "Retain"
        if _is_terminating(self.objects[key]) or self._is_unreadable(self.objects[key]):
            return
        if not self._marks[key].is_ours or (retains and not self._sees(name, key[1])):
            return
        namespace = self.objects["Namespace", "", key[1]]["metadata"]
        owners = [owner for owner in _owners(self.objects[key]) if owner["kind"] != "Namespace"]
        if retains:
            owners.append({"kind": "Namespace", "name": key[1], "uid": namespace["uid"]})
        _owners(self.objects[key])[:] = owners

    def _end(self, name: str, cascade: str | None) -> None:
        """A syncer is deleted, in one of three ways."""
        wish = self._wish(name)
        controlled = self._controlled(name)
        retains = self._spec(name).get("deletionPolicy") == "Retain"
        uid = self._uid(name)
        # Whatever names it as an owner goes with it, also what it does not control.
        for key in [k for k in self._marks if any(o["uid"] == uid for o in self._owners_of(k))]:
            self._disown(self.objects[key], name)
            is_spared = retains or cascade == "foreground" or key not in controlled
            is_kept = _owners(self.objects[key]) and is_spared
            if cascade != "orphan" and not is_kept:
                self._remove(key)
        is_taking_back = self.strategy == "server-side-apply" and not retains and not cascade
        for ns in wish.targets if is_taking_back else ():
            key = (wish.kind, ns, wish.name)
            found = self.objects.get(key)
            if found and self._goes_along(name, found) and wish.targets[ns] != "IsSourceNamespace":
                self._remove(key)

    # What a syncer wants.

    def _wish(self, name: str) -> _Wish:
        spec, (kind, _, source) = self._spec(name), self._source_key(name)
        resolved = self._resolve(name)
        return _Wish(
            self._targets(name),
            kind,
            spec.get("targetName") or source,
            None if isinstance(resolved, str) else resolved,
            resolved if isinstance(resolved, str) else None,
            bool(spec.get("suspend")),
        )

    def _resolve(self, name: str) -> Manifest | str:
        """The content to copy, or why there is none."""
        spec, source = self._spec(name), self._source(name)
        if spec.get("sourceSecret") and self.strategy == "dynamic-apply":
            return "SecretsNotEnabled"
        if source is None:
            return "SourceNotFound"
        is_controlled = any(
            owner["kind"] == "ConfigMapSyncer" and owner.get("controller")
            for owner in _owners(source)
        )
        if is_controlled or "synced-by" in _labels(source) or _FROM in _annotations(source):
            return "SourceIsACopy"
        consent = _annotations(source).get(_CONSENT)
        if not _is_followed(consent) if consent is not None else spec.get("sourceSecret"):
            return "ConsentMissing"
        held, keys = _content(source), spec.get("keys") or []
        selected = _selected(held, keys, spec.get("renameKeys") or {})
        if not isinstance(selected, str):
            texts = _texts(_selected(held, keys, {}), source["kind"])
            if not all(_satisfies(texts, rule) for rule in spec.get("validation") or ()):
                return "ContentInvalid"
        return selected

    def _targets(self, name: str) -> dict[str, str | None]:
        spec = self._spec(name)
        listed = spec.get("targetNamespaces") or []
        named = [item for item in listed if "*" not in item and "?" not in item]
        globs = [item for item in listed if item not in named]
        namespaces = {k[2]: item for k, item in self.objects.items() if k[0] == "Namespace"}
        targets: dict[str, str | None] = {}
        for ns, item in namespaces.items():
            selected = _selects(spec.get("namespaceSelector"), _labels(item))
            is_out = _is_any(ns, spec.get("excludeNamespaces") or [])
            if (selected or _is_any(ns, globs)) and not is_out and ns != spec["sourceNamespace"]:
                targets[ns] = None
        for ns in named:
            targets[ns] = None if ns in namespaces else "NamespaceNotFound"
            if ns == spec["sourceNamespace"]:
                targets[ns] = "IsSourceNamespace"
        for ns, why in targets.items():
            if why is None and not self._allows(name, ns):
                targets[ns] = "ConsentMissing"
        return targets

    def _sees(self, name: str, namespace: str) -> bool:
        """Whether a Namespace is one of those that a syncer looks at: all, if it uses globs."""
        spec = self._spec(name)
        labels = _labels(self.objects["Namespace", "", namespace])
        listed = [*(spec.get("targetNamespaces") or ()), spec["sourceNamespace"]]
        is_glob = any(set(item) & set("*?") for item in listed)
        return is_glob or namespace in listed or _selects(spec.get("namespaceSelector"), labels)

    def _status(self, name: str) -> Manifest:
        wish = self._wish(name)
        failures = {ns: why for ns, why in wish.targets.items() if why}
        synced: list[str] = []
        pending: list[str] = []
        for key, ns in wish.places().items():
            found = self.objects.get(key)
            if wish.problem is not None or found is None or self._is_awaited(name, found):
                pending.append(ns)
            elif _controller(found) != self._uid(name):
                failures[ns] = self._blocked_by(name, found)
            else:
                (synced if self._is_current(key, name, wish) else pending).append(ns)
        planned = self._plan(name, wish, failures) if wish.is_suspended else None
        # What would not be held were there, if nothing were in its way.
        late = self._late(name, wish) if wish.is_held else {*pending}
        waiting = set() if wish.is_held else {*pending}
        failures |= dict.fromkeys(late & {*pending}, "NotApplied")
        failures |= dict.fromkeys(self._leaving(name, wish) - waiting, "NotRemoved")
        synced, pending = ([ns for ns in part if ns not in failures] for part in (synced, pending))
        conditions = self._conditions(name, wish, failures.values())
        said = self.statuses.get(name, {}).get("contentHash")
        if wish.content is not None:
            said = digest(wish.content) if wish.kind != "Secret" else None
        return {
            "conditions": conditions,
            "targetCount": len(wish.targets),
            "syncedCount": len(synced),
            "pendingCount": len(pending),
            "failedCount": len(failures),
            "syncedNamespaces": sorted(synced),
            "failedNamespaces": sorted(failures),
            "failures": [{"namespace": ns, "reason": failures[ns]} for ns in sorted(failures)],
            "contentHash": said,
            "isPruneHeld": name in self._held_changes,
            "isOfThisGeneration": True,
            "plan": planned,
        }

    def _late(self, name: str, wish: _Wish) -> set[str]:
        """The namespaces that have failed once, and still do while all is held."""
        before = self.statuses.get(name, {}).get("failures", ())
        late = {f["namespace"] for f in before if f["reason"] == "NotApplied"}
        if self._deletes_with_source(name, wish):
            late &= {k[1] for k in self._controlled(name) if not _is_terminating(self.objects[k])}
        return late

    def _leaving(self, name: str, wish: _Wish) -> set[str]:
        """The namespaces that hold a copy which should be gone."""
        return {
            key[1]
            for key in self._controlled(name)
            if _is_terminating(self.objects[key]) or key in self.refused
            if self._marks[key].is_ours
            if key not in wish.places() or self._deletes_with_source(name, wish)
        }

    def _plan(self, name: str, wish: _Wish, failures: Collection[str]) -> Manifest:
        """What a suspended syncer would do: how the cluster would be if it went on."""
        after = self._resumed(name)
        # Under dynamic apply it is another controller that takes over.
        is_taking = self.strategy == "server-side-apply"
        after._tend(name, lambda key, _: name if is_taking or key not in self.objects else "")
        mine = [key for key in self._controlled(name) if not _is_terminating(self.objects[key])]
        then = after._controlled(name)
        hanging = {
            key
            for key in wish.places()
            if not wish.problem and key in self.objects and _is_terminating(self.objects[key])
        }
        written = {
            key
            for key in then
            if key in self.objects and key not in hanging
            if _but_finalizers(self.objects[key]) != _but_finalizers(after.objects[key])
        }
        return {
            "create": sorted(
                key[1] for key in {*then, *hanging} if key not in self.objects or key in hanging
            ),
            "update": {key[1]: self._changed(key, after) for key in written if key in mine},
            "takeOver": {key[1]: self._changed(key, after) for key in written if key not in mine},
            "delete": sorted({key[1] for key in mine if key not in after.objects}),
            "hold": sorted(() if wish.problem else self._would_hold(name)),
            "fail": sorted(failures),
        }

    def _resumed(self, name: str) -> "Oracle":
        """The same, a moment after a suspended syncer was resumed."""
        after = copy.deepcopy(self)
        after._spec(name)["suspend"] = False
        after._keep = None
        for item in after.objects.values():
            if not _is_terminating(item):
                item["metadata"].pop("finalizers", None)  # A plan asks for no one's permission.
        after._generations[name] += 1
        return after

    def _would_hold(self, name: str) -> set[str]:
        after = self._resumed(name)
        return after._guard_pruning(name, after._wish(name))

    def _changed(self, key: Key, after: "Oracle") -> list[str]:
        """The keys whose values differ."""
        before, then = (_content(one.objects[key]) for one in (self, after))
        parts = [(before[part], then[part]) for part in ("data", "binaryData")]
        return sorted(
            {k for old, new in parts for k in old.keys() | new.keys() if old.get(k) != new.get(k)}
        )

    def _conditions(
        self, name: str, wish: _Wish, failures: Collection[str]
    ) -> Mapping[str, tuple[str, str]]:
        synced = ("True", "AllCopiesCurrent" if wish.targets else "NoTargets")
        is_late = bool({"NotApplied", "NotRemoved"} & set(failures))
        if failures:
            synced = ("False", "ProgressDeadlineExceeded" if is_late else "TargetsBlocked")
        if name in self._held_changes:
            synced = ("False", "PruneHeld")
        resolved, ready = ("True", "Resolved"), synced
        if wish.problem is not None:
            resolved = ready = ("False", wish.problem)
            is_reported = is_late and self._deletes_with_source(name, wish)
            synced = ("False", "ProgressDeadlineExceeded" if is_reported else "Held")
        if wish.is_suspended:
            ready = synced = ("False", "Suspended")
        is_stalled = ready[0] == "False" and not wish.is_suspended
        stalled = {"Stalled": ("True", ready[1])} if is_stalled else {}
        return {"SourceResolved": resolved, "Synced": synced, "Ready": ready, **stalled}

    def _is_awaited(self, name: str, found: Manifest) -> bool:
        """Whether a suspended syncer would take an object over if it were not."""
        return self.strategy == "server-side-apply" and self._may_take(name, found)

    def _is_current(self, key: Key, name: str, wish: _Wish) -> bool:
        """Whether a copy already is as it would be written, except for additional metadata."""
        written = copy.deepcopy(self)
        if not written._place(key, name, wish, lambda _key, _names: name):
            return False
        before, after = self.objects[key], written.objects[key]
        return (
            _content(before) == _content(after)
            and bool(before.get("immutable")) == bool(after.get("immutable"))
            and _labels(after).items() <= _labels(before).items()
            and _annotations(after).items() <= _annotations(before).items()
            and _owners(after) == _owners(before)
        )

    def _blocked_by(self, name: str, found: Manifest) -> str:
        if _controller(found) is not None:
            return "ManagedByAnother"
        if self._is_overwritten(name, found) and self.strategy == "dynamic-apply":
            return "OverwriteImpossible"
        return "Conflict"

    # Predicates.

    def _spec(self, name: str) -> Manifest:
        spec: Manifest = self.objects["ConfigMapSyncer", "", name]["spec"]
        return spec

    def _uid(self, name: str) -> str:
        return str(self.objects["ConfigMapSyncer", "", name]["metadata"]["uid"])

    def _reference(self, name: str) -> Manifest:
        uid = self._uid(name)
        return {"kind": "ConfigMapSyncer", "name": name, "uid": uid, "controller": True}

    def _source_key(self, name: str) -> Key:
        spec = self._spec(name)
        kind = next(each for each in COPIED if spec.get(f"source{each}"))
        return kind, spec["sourceNamespace"], spec[f"source{kind}"]

    def _source(self, name: str) -> Manifest | None:
        return self.objects.get(self._source_key(name))

    def _source_path(self, name: str) -> str:
        return "/".join(self._source_key(name)[1:])

    def _is_from(self, key: Key, name: str) -> bool:
        """Whether a copy was made from what is the source now."""
        origin = _annotations(self.objects[key]).get(_FROM)
        return key[0] == self._source_key(name)[0] and origin == self._source_path(name)

    def _is_made(self, key: Key, name: str) -> bool:
        """Whether a copy counts as made from what is the source now, whatever is said on it."""
        origin = _annotations(self.objects[key]).get(_FROM)
        return key[0] == self._source_key(name)[0] and origin not in self._former[name]

    def _allows(self, name: str, namespace: str) -> bool:
        if self._spec(name).get("sourceSecret") and self.strategy == "dynamic-apply":
            return True  # Secrets are not even looked at there.
        source = self._source(name)
        consent = _annotations(source).get(_CONSENT) if source else None
        return consent is None or not _is_followed(consent) or _is_any(namespace, _items(consent))

    def _is_withdrawn(self, key: Key, name: str) -> bool:
        return self._is_made(key, name) and not self._allows(name, key[1])

    def _may_take(self, name: str, found: Manifest) -> bool:
        if self.strategy == "dynamic-apply":
            is_adopted = found["kind"] == "ConfigMap" and "controller-uid" not in _labels(found)
            return is_adopted and self._is_released(name, found)
        return self._is_released(name, found) or self._is_overwritten(name, found)

    def _is_released(self, name: str, found: Manifest) -> bool:
        return _controller(found) is None and _labels(found).get("synced-by") == name

    def _goes_along(self, name: str, found: Manifest) -> bool:
        """Whether a released copy was one until now, and not only handed over."""
        was_a_copy = _FROM in _annotations(found) and "controller-uid" not in _labels(found)
        return self._is_released(name, found) and was_a_copy

    def _is_overwritten(self, name: str, found: Manifest) -> bool:
        is_free = "synced-by" not in _labels(found) and _CONSENT not in _annotations(found)
        policy = self._spec(name).get("conflictPolicy")
        return policy == "Overwrite" and is_free and _controller(found) is None

    def _wanting(self, key: Key) -> list[str]:
        wishes = {name: self._wish(name) for name in self.syncers()}
        return [n for n, wish in wishes.items() if not wish.is_held and key in wish.places()]

    def _controlled(self, name: str) -> list[Key]:
        uid = self._uid(name)
        items = self.objects.items()
        return [key for key, item in items if key[0] in COPIED and _controller(item) == uid]

    def _owners_of(self, key: Key) -> list[Manifest]:
        is_copied = key in self.objects and key[0] in COPIED
        return _owners(self.objects[key]) if is_copied else []

    def _remove(self, key: Key) -> None:
        """Delete an object; one with finalizers is there until those are gone."""
        if self._is_guarded(self.objects[key]):
            self.refused.add(key)
            return
        if _finalizers(self.objects[key]):
            self.objects[key]["metadata"]["deletionTimestamp"] = "set"
            return
        del self.objects[key]
        del self._marks[key]

    def _disown(self, item: Manifest, name: str) -> None:
        uid = self._uid(name)
        _owners(item)[:] = [owner for owner in _owners(item) if owner["uid"] != uid]


def digest(content: Manifest) -> str:
    """What tells one content from another."""
    parts = {part: content[part] for part in ("binaryData", "data")}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _limit(given: str | int, present: int) -> int:
    if isinstance(given, str):
        return present * int(given.removesuffix("%")) // 100
    return given


def _key(manifest: Manifest) -> Key:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    new = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        new[key] = _merged(new.get(key), value)
        if value is None:
            del new[key]
    return new


def _refuse_impossible(old: Manifest, new: Manifest) -> None:
    if (new.get("data") or {}).keys() & (new.get("binaryData") or {}).keys():
        raise WriteRefused
    if old.get("immutable") and (not new.get("immutable") or _content(old) != _content(new)):
        raise WriteRefused
    if old and _is_terminating(old) and not set(_finalizers(new)) <= set(_finalizers(old)):
        raise WriteRefused
    if sum(bool(o.get("controller")) for o in new["metadata"].get("ownerReferences") or ()) > 1:
        raise WriteRefused


def _content(item: Manifest) -> Manifest:
    of_type = {"type": item.get("type", "Opaque")} if item.get("kind") == "Secret" else {}
    return {part: dict(item.get(part) or {}) for part in ("data", "binaryData")} | of_type


def _empty(key: Key, content: Manifest) -> Manifest:
    of_type = {"type": content["type"]} if "type" in content else {}
    return {"kind": key[0], "metadata": {"namespace": key[1], "name": key[2]}} | of_type


def _labels(item: Manifest) -> dict[str, str]:
    labels: dict[str, str] = item["metadata"].setdefault("labels", {})
    return labels


def _annotations(item: Manifest) -> dict[str, str]:
    annotations: dict[str, str] = item["metadata"].setdefault("annotations", {})
    return annotations


def _owners(item: Manifest) -> list[Manifest]:
    owners: list[Manifest] = item["metadata"].setdefault("ownerReferences", [])
    return owners


def _finalizers(item: Manifest) -> list[str]:
    return item["metadata"].get("finalizers") or []


def _is_terminating(item: Manifest) -> bool:
    return "deletionTimestamp" in item["metadata"]


def _but_finalizers(item: Manifest) -> Manifest:
    metadata = {key: value for key, value in item["metadata"].items() if key != "finalizers"}
    return {**item, "metadata": metadata}


def _controller(item: Manifest) -> str | None:
    return next((str(o["uid"]) for o in _owners(item) if o.get("controller")), None)


def _selected(
    held: Manifest, patterns: Sequence[str], renamed: Mapping[str, str]
) -> Manifest | str:
    """The keys to copy, under their new names, or what is wrong with them."""
    keys = {key for part in ("data", "binaryData") for key in held[part]}
    chosen = {key: renamed.get(key, key) for key in keys if not patterns or _is_any(key, patterns)}
    if not all(any(_is_any(key, [pattern]) for key in keys) for pattern in patterns):
        return "KeyNotFound"
    if not renamed.keys() <= chosen.keys():
        return "KeyNotFound"
    if len(set(chosen.values())) < len(chosen):
        return "InvalidSpec"
    parts = {
        part: {chosen[key]: value for key, value in held[part].items() if key in chosen}
        for part in ("data", "binaryData")
    }
    return {**held, **parts}


def _texts(selected: Any, kind: str) -> dict[str, str]:
    """The values as rules of spec.validation see them; all that are drawn are text."""
    encoded = selected["data"] if kind == "Secret" else selected["binaryData"]
    plain = {} if kind == "Secret" else selected["data"]
    decoded = {key: base64.b64decode(value).decode() for key, value in encoded.items()}
    return {**plain, **decoded}


def _satisfies(texts: Mapping[str, str], rule: Manifest) -> bool:
    """Whether values satisfy one of the rules that histories draw."""
    patterns, schema = rule.get("keys") or ["*"], rule.get("schema") or {}
    found = {key: text for key, text in texts.items() if _is_any(key, patterns)}
    if any(key not in found for key in patterns if "*" not in key):
        return False
    if "format" not in rule:
        allowed = schema.get("properties", {}).get("level", {}).get("enum")
        has_all = all(key in found for key in schema.get("required", ()))
        return has_all and (allowed is None or found["level"] in allowed)
    if rule["format"] == "JSON":
        return all(map(_is_json, found.values()))
    # Of what is drawn, only nothing is no string to YAML.
    is_empty_bad = schema.get("type") == "string"
    return all(text.isprintable() and not (is_empty_bad and text == "") for text in found.values())


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_source(text: str) -> bool:
    parts = text.split("/")
    return len(parts) == 2 and all(
        set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.") for part in parts
    )


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _is_followed(text: str) -> bool:
    return all(set(item) <= set("abcdefghijklmnopqrstuvwxyz0123456789-*?") for item in _items(text))


def _is_any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _selects(selector: Manifest | None, labels: Mapping[str, str]) -> bool:
    if selector is None:
        return False
    is_long = "matchLabels" in selector or "matchExpressions" in selector
    desired = (selector.get("matchLabels") or {}) if is_long else selector
    return all(labels.get(key) == value for key, value in desired.items()) and all(
        _meets(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _meets(expression: Manifest, labels: Mapping[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case _:
            return value is None

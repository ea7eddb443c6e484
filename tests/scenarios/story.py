"""Read a story and play it on any world that offers a few verbs."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import yaml

from hooks.preview.simulator.objects import RESOURCES
from tests.cases import expanded
from tests.conditions import ready

FOLDER = Path(__file__).parent
COLLISIONS = sorted((FOLDER / "collisions").glob("*.yaml"))
"""The stories where the digests of all contents begin alike."""
STRATEGIES = ("server-side-apply", "dynamic-apply")

Manifest = dict[str, Any]

API_VERSIONS = {
    **{kind: resource.api_version for kind, resource in RESOURCES.items()},
    "ResourceQuota": "v1",
    "ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
}


@dataclass(frozen=True, slots=True)
class ObjectReference:
    """One object: `KIND NAME` or `KIND NAMESPACE/NAME`."""

    kind: str
    name: str
    namespace: str | None = None

    @classmethod
    def parse(cls, text: str) -> "ObjectReference":
        kind, _, path = text.partition(" ")
        namespace, _, name = path.rpartition("/")
        return cls(kind, name, namespace or None)

    @classmethod
    def of(cls, manifest: Manifest) -> "ObjectReference":
        metadata = manifest["metadata"]
        return cls(manifest["kind"], metadata["name"], metadata.get("namespace"))

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace + '/' if self.namespace else ''}{self.name}"


class Objects(Protocol):
    """What can be found and patched."""

    def find(self, reference: ObjectReference) -> Manifest | None: ...

    def patch(self, reference: ObjectReference, patch: Manifest) -> None: ...


class World(Objects, Protocol):
    """A cluster in which a ConfigMapSyncer is looked after."""

    def apply(self, manifest: Manifest) -> None: ...

    def apply_as(self, manager: str, manifest: Manifest) -> None:
        """Apply server-side, under the name of a field manager."""

    def patch_status(self, reference: ObjectReference, patch: Manifest) -> None: ...

    def delete(self, reference: ObjectReference, cascade: str | None) -> None: ...

    def eventually(self, look: Callable[[], str | None], what: str) -> None:
        """Return when `look` finds nothing missing; fail with what it says is missing."""

    def refuses(self, manifest: Manifest) -> bool:
        """Whether creating an object would be refused now."""

    def as_tenant(self, write: Callable[["World"], None]) -> str | None:
        """Write as who may write every ConfigMap and Secret and no syncer; why it was refused."""

    def rest(self, syncers: Collection[str]) -> None:
        """Return when the hook is not asked about these syncers though nothing changes."""

    def calls(self, syncer: str) -> Sequence[Mapping[str, Any]]:
        """The lines that the hook has logged for a syncer, one a call."""


@dataclass(frozen=True, slots=True)
class Story:
    """A file of this folder, with its names made its own."""

    name: str
    prefix: str
    namespaces: Sequence[str]
    steps: Sequence[Mapping[str, Any]]
    strategies: Sequence[str]
    settings: Mapping[str, str]
    has_adoption: bool
    extra_calls: int
    fewer_calls: int
    is_a_race: bool
    waiting: Collection[str]

    @classmethod
    def read(cls, path: Path, prefix: str = "x-") -> "Story":
        text = re.sub(r"\bx-", prefix, path.read_text("utf-8"))
        document = expanded(yaml.load(text, Loader=yaml.CSafeLoader))
        return cls(
            name=path.stem,
            prefix=prefix,
            namespaces=document["namespaces"],
            steps=document["steps"],
            strategies=document.get("strategies", STRATEGIES),
            settings=document.get("settings", {}),
            has_adoption=document.get("adoption", True),
            extra_calls=document.get("extra_calls", {"number": 3})["number"],
            fewer_calls=document.get("extra_calls", {}).get("fewer", 0),
            is_a_race=document.get("race", False),
            waiting=document.get("waiting", {"syncers": ()})["syncers"],
        )

    def the_other_way_round(self) -> "Story":
        """The same story where, of what is applied at once, the last comes first."""
        steps = [
            {verb: what[::-1] if verb == "apply" else what for verb, what in step.items()}
            for step in self.steps
        ]
        return replace(self, steps=steps)


def paths() -> list[Path]:
    """The files of all stories."""
    return sorted(FOLDER.glob("*.yaml"))


def play(story: Story, world: World) -> int:
    """Live through a story; how often the hooks were called, all its syncers together.

    AssertionError says what did not come to be.
    """
    for name in story.namespaces:
        world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    teller = _Teller(world)
    for number, step in enumerate(story.steps, 1):
        ((verb, what),) = step.items()
        try:
            getattr(teller, verb)(what)
        except AssertionError as error:
            raise AssertionError(f"step {number}, {verb}: {error}") from error
    teller.rest(story.waiting)
    return sum(len(world.calls(syncer)) for syncer in teller.syncers)


_FORBIDDEN = "only those who may update ConfigMapSyncers"


class _Teller:
    """The verbs of a story."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.remembered: dict[ObjectReference, Manifest] = {}
        self.syncers: set[str] = set()

    def apply(self, manifests: Sequence[Manifest]) -> None:
        for written in manifests:
            manifest = self._complete(written)
            if manifest["kind"] == "ConfigMapSyncer":
                self.syncers.add(manifest["metadata"]["name"])
            self.world.apply(manifest)

    def apply_as(self, what: Mapping[str, Sequence[Manifest]]) -> None:
        """What is applied server-side, by the names of the field managers."""
        for manager, manifests in what.items():
            for written in manifests:
                self.world.apply_as(manager, self._complete(written))

    def patch(self, what: Manifest) -> None:
        self.world.patch(ObjectReference.parse(what["of"]), self._complete(what["with"]))

    def patch_status(self, what: Manifest) -> None:
        self.world.patch_status(ObjectReference.parse(what["of"]), what["with"])

    def refused(self, manifests: Sequence[Manifest]) -> None:
        def look() -> str | None:
            accepted = [m for m in manifests if not self.world.refuses(self._complete(m))]
            return f"accepted: {accepted}" if accepted else None

        self.world.eventually(look, "a refusal")

    def tenant(self, writes: Sequence[Manifest]) -> None:
        """What a tenant applies or patches."""
        for write in writes:
            refusal = self._as_tenant(write)
            assert refusal is None, f"{write}: {refusal}"

    def forbidden(self, writes: Sequence[Manifest]) -> None:
        """What a tenant may neither apply nor patch."""
        for write in writes:
            refusal = self._as_tenant(write)
            assert _FORBIDDEN in (refusal or ""), f"{write}: {refusal}"

    def _as_tenant(self, write: Manifest) -> str | None:
        ((verb, content),) = write.items()
        what = self._complete(content)
        return self.world.as_tenant(
            lambda world: getattr(_Teller(world), verb)([what] if verb == "apply" else what)
        )

    def delete(self, what: str | Manifest) -> None:
        if isinstance(what, str):
            what = {"of": what}
        self.world.delete(ObjectReference.parse(what["of"]), what.get("cascade"))

    def mend(self, what: str | Mapping[str, str]) -> None:
        if isinstance(what, str):
            what = {"of": what}
        mend(self.world, what["of"], what.get("by", "\\S+"))

    def expect(self, manifests: Sequence[Manifest]) -> None:
        def look() -> str | None:
            for manifest in manifests:
                reference = ObjectReference.of(manifest)
                found = self.world.find(reference)
                if found is None:
                    return f"{reference} is not there"
                if missing := difference(manifest, found, str(reference)):
                    return missing
            return None

        self.world.eventually(look, ", ".join(str(ObjectReference.of(m)) for m in manifests))

    def absent(self, references: Sequence[str]) -> None:
        def look() -> str | None:
            there = [r for r in references if self.world.find(ObjectReference.parse(r)) is not None]
            return f"still there: {there}" if there else None

        self.world.eventually(look, f"{references} to be gone")

    def missing(self, references: Sequence[str]) -> None:
        there = [r for r in references if self.world.find(ObjectReference.parse(r)) is not None]
        assert not there, f"still there: {there}"

    def remember(self, references: Sequence[str]) -> None:
        for text in references:
            reference = ObjectReference.parse(text)
            found = self.world.find(reference)
            assert found is not None, f"{reference} is not there"
            self.remembered[reference] = found

    def unchanged(self, references: Sequence[str]) -> None:
        for text in references:
            reference = ObjectReference.parse(text)
            assert self.world.find(reference) == self.remembered[reference]

    def rest(self, waiting: Collection[str] | None = None) -> None:
        """Check that nothing moves while nothing changes, and who asks to be looked at again."""
        self.world.rest(self.syncers)
        asking = {syncer for syncer in self._living() if self._asks_again(syncer)}
        assert asking == set(waiting or ()), (
            f"ask to be looked at again: {sorted(asking)}; the story says: {sorted(waiting or ())}"
        )

    def _living(self) -> Iterator[str]:
        for syncer in self.syncers:
            if self.world.find(ObjectReference("ConfigMapSyncer", syncer)) is not None:
                yield syncer

    def _asks_again(self, syncer: str) -> bool:
        calls = [call for call in self.world.calls(syncer) if call["hook"] != "customize"]
        return bool(calls[-1]["resyncAfterSeconds"])

    def _complete(self, value: Any) -> Any:
        """A manifest with its apiVersion, and with the uids that its `uid: REFERENCE` names."""
        if isinstance(value, dict):
            is_manifest = "metadata" in value and "kind" in value
            known = {"apiVersion": API_VERSIONS[value["kind"]]} if is_manifest else {}
            return known | {key: self._complete(value) for key, value in value.items()}
        if isinstance(value, list):
            return [self._complete(item) for item in value]
        if isinstance(value, str) and value.startswith("uid of "):
            found = self.world.find(ObjectReference.parse(value.removeprefix("uid of ")))
            assert found is not None, value
            return found["metadata"]["uid"]
        return value


def mend(world: Objects, syncer: str, by: str = r"\S+") -> None:
    """Type the command that a syncer's `Ready` has, or of several that which sets a key."""
    found = world.find(ObjectReference("ConfigMapSyncer", syncer))
    assert found is not None, f"{syncer} is not there"
    message = ready(found["status"])["message"]
    command = re.search(
        rf"`kubectl (label|annotate) (\S+) (\S+?)(?: -n (\S+))? ({by})=(\S+) --overwrite`", message
    )
    assert command, f"no command in: {message}"
    verb, resource, name, namespace, key, value = command.groups()
    kind = next(kind for kind in API_VERSIONS if kind.lower() == resource)
    field = {"label": "labels", "annotate": "annotations"}[verb]
    world.patch(ObjectReference(kind, name, namespace), {"metadata": {field: {key: value}}})


_EXACT = ("data", "binaryData")


def difference(expected: Any, found: Any, where: str) -> str | None:
    """Where `found` is not as `expected` says; None where it is."""
    if isinstance(expected, str) and expected.startswith("re:"):
        return _unmatched(expected.removeprefix("re:").strip(), found, where)
    if isinstance(expected, dict) and isinstance(found, dict):
        return _first(_of_maps(expected, found, where))
    if where.endswith(".conditions"):
        by_type = {condition["type"]: condition for condition in found or ()}
        return _first(
            difference(condition, by_type.get(condition["type"]), f"{where}[{condition['type']}]")
            for condition in expected
        )
    if where.endswith(".ownerReferences") and expected and found:
        # Who is named first has no meaning.
        expected, found = (
            sorted(owners, key=lambda o: o.get("name", "")) for owners in (expected, found)
        )
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = zip(expected, found, strict=True)
        return _first(difference(w, f, f"{where}[{i}]") for i, (w, f) in enumerate(pairs))
    return None if expected == found else f"{where} is {found!r}"


def _of_maps(expected: Manifest, found: Manifest, where: str) -> Iterator[str | None]:
    for key, value in expected.items():
        inside = f"{where}.{key}"
        if key not in _EXACT:
            yield difference(value, found.get(key), inside)
        elif (value or {}) != (found.get(key) or {}):
            yield f"{inside} is {found.get(key)!r}"


def _unmatched(pattern: str, found: Any, where: str) -> str | None:
    matches = isinstance(found, str) and re.search(pattern, found)
    return None if matches else f"{where}: {found!r} does not match {pattern!r}"


def _first(differences: Iterable[str | None]) -> str | None:
    return next((difference for difference in differences if difference), None)

"""Copies of so many keys that etcd's limit comes before all others, in memory and really.

What etcd refuses fails every write, so it has to be known before an immutable copy is deleted.
"""

import re
from collections.abc import Callable, Mapping

from tests.scenarios.story import Manifest, ObjectReference, World

ETCD_LIMIT = 1_572_864
_KEY_LENGTH = 40
_FILLING = 200_000
_ANNOTATION = 250_000

FULL: Mapping[str, int] = {"tracked": 600_000, "untracked": 955_000}
"""Bytes of a value that fills a released copy: with managedFields, and so far that these go."""


def keys(count: int, length: int = _KEY_LENGTH, value: str = "") -> dict[str, str]:
    """So many keys of one length, each with this value."""
    return {f"{number:0{length}}": value for number in range(count)}


class ManyKeys:
    """A syncer with one target, and what becomes of its copy."""

    def __init__(self, world: World, prefix: str, **spec: object) -> None:
        self._world = world
        self._syncer = ObjectReference("ConfigMapSyncer", prefix)
        self._source = ObjectReference("ConfigMap", "many", f"{prefix}-source")
        self._copy = ObjectReference("ConfigMap", "many", f"{prefix}-target")
        for reference in (self._source, self._copy):
            metadata = {"name": reference.namespace}
            world.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        metadata = {"name": "many", "namespace": self._source.namespace}
        source = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        world.apply(source | {"data": {"first": "1"}})
        desired = {
            "sourceNamespace": self._source.namespace,
            "sourceConfigMap": "many",
            "targetNamespaces": [self._copy.namespace],
        }
        world.apply(
            {
                "apiVersion": "config.example.com/v1alpha1",
                "kind": "ConfigMapSyncer",
                "metadata": {"name": prefix},
                "spec": desired | spec,
            }
        )
        self.wait_for("AllCopiesCurrent")

    @property
    def copy(self) -> Manifest:
        """The copy as it is."""
        found = self._world.find(self._copy)
        assert found is not None, "the copy is not there"
        return found

    def write(self, data: Mapping[str, str | None]) -> None:
        """Change the source; None takes a key away."""
        self._world.patch(self._source, {"data": data})

    def fill(self, data: Mapping[str, str]) -> None:
        """Put keys into the copy by another hand."""
        self._world.patch(self._copy, {"data": data})

    def release(self, filling: Mapping[str, str]) -> None:
        """Take the label off the copy by which it is the syncer's, and fill it, in one write."""
        labels = {"controller-uid": None}
        annotations = {"filling": "x" * _ANNOTATION}
        metadata = {"labels": labels, "annotations": annotations}
        self._world.patch(self._copy, {"metadata": metadata, "data": filling})

    def suspend(self) -> None:
        """Let nothing be written until the syncer is deleted."""
        self._world.patch(self._syncer, {"spec": {"suspend": True}})
        self.wait_for("Suspended")

    def wait_until_released(self) -> None:
        """Wait until the copy has lost its owner."""

        def look() -> str | None:
            return "it has an owner" if self.copy["metadata"].get("ownerReferences") else None

        self._world.eventually(look, "the copy to be released")

    def delete_source(self) -> None:
        """Delete the source."""
        self._world.delete(self._source, None)

    def delete(self) -> None:
        """Delete the syncer."""
        self._world.delete(self._syncer, None)

    def wait_until_gone(self, *, is_syncer_gone: bool) -> None:
        """Wait until the copy is gone, and the syncer where that is asked for."""
        gone = (self._copy, self._syncer) if is_syncer_gone else (self._copy,)

        def look() -> str | None:
            left = [reference for reference in gone if self._world.find(reference)]
            return f"left: {', '.join(map(str, left))}" if left else None

        self._world.eventually(look, "the end")

    def wait_for(self, reason: str, data: Mapping[str, str] | None = None) -> str:
        """The message of Ready once it has this reason, and the copy this content."""
        message = ""

        def look() -> str | None:
            nonlocal message
            found = self._world.find(self._syncer) or {}
            conditions = found.get("status", {}).get("conditions", [])
            ready: Manifest = next((c for c in conditions if c["type"] == "Ready"), {})
            message = ready.get("message", "")
            if ready.get("reason") != reason:
                return f"Ready: {ready.get('reason')}: {message}"
            held = (self._world.find(self._copy) or {}).get("data") or {}
            if data is not None and held != data:
                return f"the copy has {len(held)} keys"
            return None

        self._world.eventually(look, reason)
        return message


def keep_immutable_copies_of_what_does_not_fit(world: World, prefix: str) -> None:
    """17,000 empty keys: no copy is touched, and it follows again when they are fewer."""
    syncer = ManyKeys(world, prefix, immutable=True)
    before = syncer.copy
    many = keys(17_000)

    syncer.write(many)
    message = syncer.wait_for("TooLarge")

    assert re.search(r"would take [\d,]+ bytes, more than the [\d,]+ bytes that are", message), (
        message
    )
    assert syncer.copy == before
    syncer.write(dict.fromkeys(many))
    syncer.wait_for("AllCopiesCurrent", {"first": "1"})
    assert syncer.copy == before


def meet_the_limit_to_the_byte(world: World, prefix: str) -> None:
    """What just fits by the estimate is accepted, and one byte more is refused before a write."""
    syncer = ManyKeys(world, prefix)
    many = keys(15_000)
    syncer.write(many | {"first": None, "filling": "x" * _FILLING})
    message = syncer.wait_for("TooLarge")
    size = re.search(rf"would take ([\d,]+) bytes, more than the {ETCD_LIMIT:,} ", message)
    assert size, message
    most = _FILLING - int(size[1].replace(",", "")) + ETCD_LIMIT

    syncer.write({"filling": "x" * most})
    syncer.wait_for("AllCopiesCurrent", many | {"filling": "x" * most})
    syncer.write({"filling": "x" * (most + 1)})
    message = syncer.wait_for("TooLarge")
    assert f"would take {ETCD_LIMIT + 1:,} bytes" in message


def replace_a_copy_that_others_fill(world: World, prefix: str) -> None:
    """However full a copy is made, it holds the content in the end."""
    syncer = ManyKeys(world, prefix)
    for foreign in (keys(12_000, 60), keys(9_000, 60, "x" * 100), keys(6_000, 60)):
        syncer.fill(foreign)
        syncer.wait_for("AllCopiesCurrent", {"first": "1"})


def replace_a_released_copy_that_is_full(world: World, prefix: str, size: int) -> None:
    """A copy that has no room for one more owner of its keys is taken back, and replaced."""
    syncer = ManyKeys(world, prefix)
    syncer.release(_full(size))
    syncer.wait_for("AllCopiesCurrent", {"first": "1"})


def delete_a_released_copy_that_is_full(world: World, prefix: str, size: int) -> None:
    """It goes with its syncer."""
    syncer = ManyKeys(world, prefix)
    syncer.suspend()
    syncer.release(_full(size))
    syncer.wait_until_released()
    syncer.delete()
    syncer.wait_until_gone(is_syncer_gone=True)


def lose_the_source_of_a_released_copy_that_is_full(world: World, prefix: str, size: int) -> None:
    """It goes with its source."""
    syncer = ManyKeys(world, prefix, sourceDeletionPolicy="Delete")
    syncer.release(_full(size))
    syncer.delete_source()
    syncer.wait_until_gone(is_syncer_gone=False)


def _full(size: int) -> dict[str, str]:
    return keys(1_700, 200) | {"filling": "x" * size}


RELEASED: Mapping[str, Callable[[World, str, int], None]] = {
    "released-replace": replace_a_released_copy_that_is_full,
    "released-delete": delete_a_released_copy_that_is_full,
    "released-lose": lose_the_source_of_a_released_copy_that_is_full,
}
"""Those of server-side apply, which takes released copies back."""


SCENARIOS: Mapping[str, Callable[[World, str], None]] = {
    "keep": keep_immutable_copies_of_what_does_not_fit,
    "replace": replace_a_copy_that_others_fill,
}
"""Those that go the same way under either strategy."""

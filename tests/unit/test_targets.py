"""Which namespaces a syncer reaches."""

from hooks.api.kinds import CONFIG_MAP
from hooks.api.names import NAMESPACES
from hooks.api.protocol import KubernetesObject, ObjectMeta, Parent, SyncRequest
from hooks.resolve import targets
from hooks.spec.syncer import NamespaceSelection, SourceReference, Syncer

SOURCE = SourceReference("default", "app-config", CONFIG_MAP)


def test_what_is_named_and_what_a_glob_matches_are_targets_together() -> None:
    syncer = Syncer("sample", "b9f3", SOURCE, NamespaceSelection(("dev",), globs=("prod-*",)))
    shown = {name: KubernetesObject(ObjectMeta(name)) for name in ("dev", "prod-a", "test")}
    request = SyncRequest(Parent(ObjectMeta("sample")), related={NAMESPACES: shown})

    found = targets.selected(syncer, request)

    assert [(target.namespace, target.failure) for target in found] == [
        ("dev", None),
        ("prod-a", None),
    ]

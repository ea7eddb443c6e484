"""Say what is missing from a preview itself where a syncer has no content because of it.

In the cluster the same objects may be enough: there, Secrets can be enabled, and a manifest that
names no namespace is applied to one that somebody chooses.
"""

from collections.abc import Collection, Iterator

from hooks.preview.kubectl import Reference
from hooks.preview.output.changes import unresolved
from hooks.preview.simulation import State
from hooks.preview.simulator.objects import SYNCER, Object, name_of, sources_of


def hints(after: State, without_namespace: Collection[Reference]) -> Iterator[str]:
    """A sentence for each thing that is missing; some objects were given `without_namespace`."""
    needs_secrets = []
    for reference, item in after.items():
        if reference.resource is not SYNCER:
            continue
        reason = unresolved(item.get("status") or {})
        if reason == "SecretsNotEnabled":
            needs_secrets.append(name_of(item))
        elif reason == "SourceNotFound":
            yield from _elsewhere(item, without_namespace)
    if needs_secrets:
        yield (
            "Previewed without Secrets, which --secrets enables, as metacontroller/components/"
            f"secrets does in a cluster: {', '.join(needs_secrets)}"
        )


def _elsewhere(syncer: Object, without_namespace: Collection[Reference]) -> Iterator[str]:
    """Where the source was given without a namespace, and is taken to be in another."""
    namespace = syncer["spec"].get("sourceNamespace")
    for kind, name in sources_of(syncer):
        for given in without_namespace:
            if (given.resource, given.name) == (kind, name):
                yield (
                    f"{kind.kind} {name} names no namespace and is taken to be in "
                    f"{given.namespace}, and {name_of(syncer)} looks for it in {namespace}: set "
                    "its metadata.namespace, or use -n"
                )

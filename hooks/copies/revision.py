"""A revision: one content of the source, stored as an immutable object in its namespace.

Revisions are children of the syncer and no copies. They are distinguished by their name and place,
never by a label alone, for anybody may label an object.
"""

import re
from typing import Final

from msgspec import UNSET

from hooks.api import kinds, protocol
from hooks.api.names import CONTENT_HASH, MANAGED_BY, MANAGER, REVISION_OF, SOURCE
from hooks.api.protocol import Child, ChildMeta, KubernetesObject
from hooks.resolve import source
from hooks.resolve.source import Content
from hooks.spec.syncer import InvalidSpec, Syncer

_SUFFIX: Final = re.compile(r"-([0-9a-f]{16}|[0-9]{1,20})(-[0-9]{1,3})?")


def is_revision(child: KubernetesObject, syncer: Syncer | InvalidSpec, name: str) -> bool:
    """Whether a child is a stored revision: in the namespace of the source that it is of.

    A copy is never there. The source may have been in another namespace before. `name` is the
    syncer's.
    """
    if not child.metadata.name.startswith(name):
        return False
    origin, _, _ = (child.annotation(SOURCE) or "").partition("/")
    places = [origin]
    if isinstance(syncer, Syncer):
        if syncer.names(child) and child.metadata.namespace != syncer.source.namespace:
            return False
        places.append(syncer.source.namespace)
    is_at_home = child.metadata.namespace in places
    return is_at_home and _SUFFIX.fullmatch(child.metadata.name.removeprefix(name)) is not None


def revision_child(name: str, content: Content, syncer: Syncer) -> Child:
    """What is returned for a revision, whether it is stored already or not."""
    hashed = {} if content.hash is None else {CONTENT_HASH: content.hash}
    return Child(
        api_version=kinds.API_VERSION,
        kind=syncer.source.kind.name,
        metadata=ChildMeta(
            name=name,
            namespace=syncer.source.namespace,
            labels={REVISION_OF: syncer.name, MANAGED_BY: MANAGER},
            annotations={SOURCE: str(syncer.source), **hashed},
        ),
        data=content.raw_data or UNSET,
        binary_data=content.raw_binary_data or UNSET,
        immutable=True,
        type=content.type or UNSET,
    )


def kept_revision(stored: KubernetesObject, syncer: Syncer) -> Child:
    """What is returned for a revision that is stored and not in use: it stays as it is."""
    hashed = stored.annotation(CONTENT_HASH)
    origin = stored.annotation(SOURCE) or str(syncer.source)
    return Child(
        api_version=kinds.API_VERSION,
        kind=stored.kind,
        metadata=ChildMeta(
            name=stored.metadata.name,
            namespace=stored.metadata.namespace,
            labels={REVISION_OF: syncer.name, MANAGED_BY: MANAGER},
            annotations={SOURCE: origin, **({} if hashed is None else {CONTENT_HASH: hashed})},
        ),
        data=UNSET if protocol.is_absent(stored.data) else stored.data,
        binary_data=UNSET if protocol.is_absent(stored.binary_data) else stored.binary_data,
        immutable=True,
        type=source.type_of(stored, kinds.of(stored.kind)) or UNSET,
    )

"""Which related objects the hook needs to see.

Metacontroller matches every event of the cluster against every rule of every syncer, so the rules
are few: the Namespaces, the source, and whatever bears the copies' name anywhere. The answer is
cached per generation of the syncer, also across versions of the hook: the source's own Namespace
is always asked for, so that the hook can tell a missing object from a rule that an older version
did not have (see `rules_are_current` in `source` and `targets`).
"""

from hooks.api.options import Policy
from hooks.api.protocol import CustomizeRequest, CustomizeResponse
from hooks.copies import copies
from hooks.resolve import source, targets
from hooks.spec import syncer


def related_rules(request: CustomizeRequest, policy: Policy) -> CustomizeResponse:
    """The rules for one syncer; none where the spec cannot be followed, for then all is held.

    Where Secrets are not enabled, none is asked for: Metacontroller may not even read them.
    """
    asked = syncer.parse(request.parent)
    if isinstance(asked, syncer.InvalidSpec):
        return CustomizeResponse(related_resources=())
    if source.refusal(asked, request.controller, policy) is not None:
        return CustomizeResponse(related_resources=targets.related_rules(asked))
    return CustomizeResponse(
        related_resources=(*targets.related_rules(asked), *copies.related_rules(asked))
    )

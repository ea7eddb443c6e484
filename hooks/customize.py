"""Which related objects the hook needs to see.

Metacontroller matches every event of the cluster against every rule of every syncer, so the rules
are few: the Namespaces, the source, and whatever bears the copies' name anywhere. The answer is
cached per generation of the syncer, also across versions of the hook: the source's own Namespace
is always asked for, so that the hook can tell a missing object from a rule that an older version
did not have (see `rules_are_current` in `source` and `targets`).
"""

from collections.abc import Sequence

from hooks.api import kinds
from hooks.api.options import HookOptions
from hooks.api.protocol import CustomizeRequest, CustomizeResponse, RelatedRule
from hooks.resolve import source, targets
from hooks.spec.parsing import parse_syncer
from hooks.spec.syncer import InvalidSpec, Syncer


def related_rules(request: CustomizeRequest, options: HookOptions) -> CustomizeResponse:
    """The rules for one syncer; none where the spec cannot be followed, for then all is held.

    Where Secrets are not enabled, none is asked for: Metacontroller may not even read them.
    """
    syncer = parse_syncer(request.parent)
    if isinstance(syncer, InvalidSpec):
        return CustomizeResponse(related_resources=())
    if source.refusal(syncer, request.controller, options) is not None:
        return CustomizeResponse(related_resources=targets.related_rules(syncer))
    return CustomizeResponse(
        related_resources=(*targets.related_rules(syncer), *_copies_rules(syncer))
    )


def _copies_rules(syncer: Syncer) -> Sequence[RelatedRule]:
    """The rules that show the source and whatever bears the copies' name, in any namespace.

    Every event costs Metacontroller time for every rule, so the source has none of its own where
    it has the copies' name.
    """
    resource = syncer.source.kind.resource
    by_name = RelatedRule(kinds.API_VERSION, resource, names=(syncer.copy_name,))
    if syncer.copy_name == syncer.source.name:
        return (by_name,)
    return (source.related_rule(syncer), by_name)

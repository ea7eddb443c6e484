"""Where a copy's Namespace can be its second owner."""

import pytest

from hooks.api.protocol import ApplyStrategy
from hooks.copies import retention
from hooks.resolve.targets import Target
from hooks.spec.syncer import DeletionPolicy, NamespaceSelection, SourceReference, Syncer

DYNAMIC = ApplyStrategy.DYNAMIC_APPLY


@pytest.mark.parametrize("policy", DeletionPolicy)
@pytest.mark.parametrize("strategy", ApplyStrategy)
@pytest.mark.parametrize("namespace", ["sample", "dev"])
def test_only_dynamic_apply_takes_a_namespace_of_the_syncer_s_name_for_the_syncer(
    namespace: str, strategy: ApplyStrategy, policy: DeletionPolicy
) -> None:
    syncer = Syncer(
        "sample",
        "b9f3",
        SourceReference("default", "app-config"),
        NamespaceSelection((namespace,)),
        deletion_policy=policy,
    )

    found = retention.conflict(syncer, [Target(namespace)], strategy)

    is_confused = (namespace, strategy, policy) == ("sample", DYNAMIC, DeletionPolicy.RETAIN)
    assert (found is not None) is is_confused

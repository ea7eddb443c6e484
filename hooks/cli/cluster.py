"""Read from a cluster what a preview needs, with the right to list and no other."""

from typing import Final

from hooks.cli.kubectl import Kubectl
from hooks.preview.input import manifests
from hooks.preview.input.manifests import Input
from hooks.preview.simulator.objects import RESOURCES, SECRET
from hooks.preview.simulator.schema import Schema

CLUSTER: Final = "cluster"
"""What a place in the cluster's objects is called."""


def read_cluster(kubectl: Kubectl, schema: Schema, *, has_secrets: bool) -> Input:
    """All objects of the kinds that matter; Secrets only where asked for. Raises KubectlError."""
    kinds = [
        resource.qualified
        for resource in RESOURCES.values()
        if has_secrets or resource is not SECRET
    ]
    shown = ("--all-namespaces", "--show-managed-fields", "--output=json")
    printed = kubectl.run("get", ",".join(kinds), *shown)
    return manifests.read_text(CLUSTER, printed.decode(), schema)

"""Admission policies for the simulated world: what a ValidatingAdmissionPolicy refuses there."""

import cel

from hooks.preview.objects import RESOURCES
from tests.scenarios.story import Manifest, Reference

_POLICY = "ValidatingAdmissionPolicy"
_BINDING = "ValidatingAdmissionPolicyBinding"


class Admission:
    """Policies and bindings, as far as the stories use them: expressions over `request`."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, Manifest]] = {_POLICY: {}, _BINDING: {}}

    def knows(self, kind: str) -> bool:
        """Whether objects of this kind are kept here and not in the cluster."""
        return kind in self._kept

    def apply(self, manifest: Manifest) -> None:
        self._kept[manifest["kind"]][manifest["metadata"]["name"]] = manifest

    def delete(self, reference: Reference) -> None:
        del self._kept[reference.kind][reference.name]

    def refusal(self, operation: str, item: Manifest) -> str | None:
        """The message of the first bound policy that the object breaks."""
        request = {"namespace": item["metadata"].get("namespace", ""), "operation": operation}
        for binding in self._kept[_BINDING].values():
            policy = self._kept[_POLICY][binding["spec"]["policyName"]]
            if not _concerns(policy, operation, item["kind"]):
                continue
            for validation in policy["spec"]["validations"]:
                if cel.evaluate(validation["expression"], {"request": request}) is not True:
                    return str(validation["message"])
        return None


def _concerns(policy: Manifest, operation: str, kind: str) -> bool:
    return any(
        operation in rule["operations"] and RESOURCES[kind].plural in rule["resources"]
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]
    )

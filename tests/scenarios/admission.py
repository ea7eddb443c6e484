"""Admission for the simulated world: what policies and quotas for ConfigMaps refuse there."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cel
import yaml

from hooks.preview.simulator.objects import RESOURCES
from tests.scenarios.story import Manifest, ObjectReference

_POLICY = "ValidatingAdmissionPolicy"
_BINDING = "ValidatingAdmissionPolicyBinding"
_QUOTA = "ResourceQuota"
_SHIPPED = Path(__file__).parents[2] / "metacontroller" / "base" / "admission.yaml"

_compiled = functools.cache(cel.compile)


class Admission:
    """Policies and bindings, the shipped ones first, as far as these and the stories use CEL.

    The writer can do everything, except inside `tenant`: then no ConfigMapSyncer can be written.
    Of quotas, those that count objects are known; `stored` gives the objects of a kind and a
    namespace.
    """

    def __init__(self, stored: Callable[[str, str], Iterator[Manifest]]) -> None:
        self._stored = stored
        self._kept: dict[str, dict[str, Manifest]] = {_POLICY: {}, _BINDING: {}, _QUOTA: {}}
        self._is_tenant = False
        for manifest in _shipped():
            self.apply(manifest)

    @contextlib.contextmanager
    def tenant(self) -> Iterator[None]:
        """Write as somebody who may write every ConfigMap and Secret, and no ConfigMapSyncer."""
        self._is_tenant = True
        try:
            yield
        finally:
            self._is_tenant = False

    def knows(self, kind: str) -> bool:
        """Whether objects of this kind are kept here and not in the cluster."""
        return kind in self._kept

    def apply(self, manifest: Manifest) -> None:
        self._kept[manifest["kind"]][manifest["metadata"]["name"]] = manifest

    def delete(self, reference: ObjectReference) -> None:
        del self._kept[reference.kind][reference.name]

    def refusal(self, operation: str, item: Manifest, old: Manifest | None) -> str | None:
        """The message of the first bound policy that the object breaks, or of a quota."""
        for binding in self._kept[_BINDING].values():
            policy = self._kept[_POLICY][binding["spec"]["policyName"]]
            if not _concerns(policy, operation, item, old):
                continue
            context = self._context(policy, operation, item, old)
            for validation in policy["spec"]["validations"]:
                if _compiled(validation["expression"]).execute(context) is not True:
                    return str(validation["message"])
        return self._exceeded(item) if operation == "CREATE" else None

    def _exceeded(self, item: Manifest) -> str | None:
        """Which quota an object that is created has no room in."""
        kind, namespace = item["kind"], item["metadata"].get("namespace")
        for quota in self._kept[_QUOTA].values():
            limit = quota["spec"]["hard"].get(f"count/{RESOURCES[kind].plural}")
            if limit is None or quota["metadata"]["namespace"] != namespace:
                continue
            if sum(1 for _ in self._stored(kind, namespace)) >= int(limit):
                return f"exceeded quota: {quota['metadata']['name']}"
        return None

    def _context(
        self, policy: Manifest, operation: str, item: Manifest, old: Manifest | None
    ) -> cel.Context:
        namespace = item["metadata"].get("namespace", "")
        context = cel.Context(
            {
                "request": {"namespace": namespace, "operation": operation},
                # No policy here looks at the content, which takes time to hand over.
                "object": {"metadata": item["metadata"]},
                "oldObject": old and {"metadata": old["metadata"]},
                "authorizer": (),
            }
        )
        for step in ("group", "resource", "check"):
            context.add_function(step, _with_part)
        context.add_function("allowed", self._allows)
        variables = {
            variable["name"]: _compiled(variable["expression"]).execute(context)
            for variable in policy["spec"].get("variables", ())
        }
        context.add_variable("variables", variables)
        return context

    def _allows(self, attributes: list[str]) -> bool:
        assert attributes == ["config.example.com", "configmapsyncers", "update"]
        return not self._is_tenant


@functools.cache
def _shipped() -> tuple[Manifest, ...]:
    return tuple(yaml.safe_load_all(_SHIPPED.read_text("utf-8")))


def _with_part(attributes: Any, name: str) -> list[str]:
    """The attributes for the authorizer with one more part."""
    return [*attributes, name]


def _concerns(policy: Manifest, operation: str, item: Manifest, old: Manifest | None) -> bool:
    constraints = policy["spec"]["matchConstraints"]
    plural = RESOURCES[item["kind"]].plural
    if not any(
        operation in rule["operations"] and plural in rule["resources"]
        for rule in constraints["resourceRules"]
    ):
        return False
    selector = constraints.get("objectSelector", {})
    return any(_is_selected(each, selector) for each in (item, old) if each is not None)


def _is_selected(item: Manifest, selector: Manifest) -> bool:
    expressions = selector.get("matchExpressions", ())
    assert {each["operator"] for each in expressions} <= {"Exists"}
    return all(each["key"] in item["metadata"].get("labels", {}) for each in expressions)

"""What the API server's audit log says that one identity asked for, and by which right.

A role is exactly what is needed when each of its rights was used and nothing was refused. Nobody
but the API server can say both: it writes with every request which binding allowed it.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.controlplane.client import Object

_ALLOWED = re.compile(r'allowed by (?:Cluster)?RoleBinding "[^"]+" of (ClusterRole|Role) "([^"]+)"')
_REFUSED = re.compile(r'User "[^"]+" cannot (\w+) ')


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource (`configmaps`, `configmapsyncers/status`), by one role."""

    role: str
    group: str
    resource: str
    verb: str


# Every request of a ServiceAccount, without any body.
POLICY: Object = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}],
}


def read(log: Path, user: str) -> list[Object]:
    """The entries about one user; a watch has one when it begins and one when it ends."""
    complete, _, _ = log.read_text("utf-8").rpartition("\n")
    entries = map(json.loads, complete.splitlines())
    return [entry for entry in entries if entry["user"]["username"] == user]


def granted(role: Object) -> set[Right]:
    """Every right that a Role or ClusterRole grants."""
    return {
        Right(_role(role["kind"], role["metadata"]["name"]), group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(entries: Iterable[Object]) -> set[Right]:
    """Every right by which a request was allowed."""
    rights = set()
    for entry in entries:
        annotations = entry.get("annotations", {})
        reason = _ALLOWED.search(annotations.get("authorization.k8s.io/reason", ""))
        reference = entry.get("objectRef")
        if not reason or not reference:
            continue
        resource = "/".join(filter(None, [reference["resource"], reference.get("subresource")]))
        verbs = {entry["verb"]}
        if entry["verb"] == "patch" and _code(entry) == 201:
            # A server-side apply that makes an object needs both rights; the log names one.
            verbs.add("create")
        role = _role(*reason.groups())
        rights |= {Right(role, reference.get("apiGroup", ""), resource, verb) for verb in verbs}
    return rights


def refused(entries: Iterable[Object]) -> list[str]:
    """Every request that was not allowed; not those that admission or a quota turned down."""
    return [
        f"{entry['verb']} {entry['requestURI']}: {_message(entry)}"
        for entry in entries
        if access_review(entry)
    ]


def access_review(entry: Object) -> Object | None:
    """The question whether the user of a refused request may do what was refused; else None."""
    found = _REFUSED.search(_message(entry))
    if _code(entry) != 403 or not found:
        return None
    reference = entry["objectRef"]
    attributes = {
        # Not the request's own: to apply what is not there yet takes the right to create.
        "verb": found[1],
        "group": reference.get("apiGroup", ""),
        "resource": reference["resource"],
        "subresource": reference.get("subresource", ""),
        "namespace": reference.get("namespace", ""),
        "name": reference.get("name", ""),
    }
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "metadata": {},
        "spec": {
            "user": entry["user"]["username"],
            "groups": entry["user"]["groups"],
            "resourceAttributes": attributes,
        },
    }


def _role(kind: str, name: str) -> str:
    return f"{kind} {name}"


def _status(entry: Object) -> dict[str, Any]:
    status: dict[str, Any] = entry.get("responseStatus") or {}
    return status


def _code(entry: Object) -> int:
    return int(_status(entry).get("code", 0))


def _message(entry: Object) -> str:
    return str(_status(entry).get("message", ""))

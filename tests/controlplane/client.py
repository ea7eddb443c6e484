"""The few verbs of the Kubernetes API that tests need, with its refusals as exceptions."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, TypeVar

import requests

Object = dict[str, Any]
"""A Kubernetes object, decoded from JSON."""

Propagation = Literal["Background", "Foreground", "Orphan"]
_Seen = TypeVar("_Seen")

_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_POLL_SECONDS = 0.04


class TimedOut(AssertionError):
    """What a test waited for did not happen in time; the message says what it was."""


class ApiStatusError(Exception):
    """The API server's refusal: HTTP code, reason (`NotFound`, `Invalid`) and sentence."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """Where the API server keeps the objects of one kind."""

    path: str
    plural: str
    namespaced: bool


def wait_for(
    look: Callable[[], _Seen], what: str, seconds: float = 30, last: Callable[[], str] | None = None
) -> _Seen:
    """What `look` returns as soon as that is true; TimedOut, naming `what`, when it never is.

    `look` is called at least once more after the deadline, so that a slow
    machine does not fail what has already happened. `last` says in the error
    what was there instead.
    """
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() > deadline
        if seen := look():
            return seen
        if late:
            instead = f"\nInstead: {last()}" if last else ""
            raise TimedOut(f"Waited {seconds:g} s for {what}, without success.{instead}")
        time.sleep(_POLL_SECONDS)


class Client:
    """Speaks to one API server as one identity.

    Kinds are given by name (`ConfigMap`, `ConfigMapSyncer`); where two groups
    have the same kind, as `Event.events.k8s.io`.
    """

    def __init__(
        self,
        server: str,
        token: str,
        certificate_authority: Path,
        *,
        user: str | None = None,
        groups: Sequence[str] = (),
    ) -> None:
        self.server = server
        self._session = requests.Session()
        # Otherwise a proxy or REQUESTS_CA_BUNDLE of the environment wins over what is said here.
        self._session.trust_env = False
        self._session.verify = str(certificate_authority)
        self._session.headers["Authorization"] = f"Bearer {token}"
        if user:
            self._session.headers["Impersonate-User"] = user
        if groups:
            # HTTP repeats the header per group; requests cannot. One group is what tests need.
            (self._session.headers["Impersonate-Group"],) = groups
        self._resources: dict[str, ResourcePath] = {}

    def close(self) -> None:
        """Close the kept-alive connections."""
        self._session.close()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        parameters: Mapping[str, str] | None = None,
    ) -> Object:
        """The decoded answer to one request on `path`; raises ApiStatusError when it is refused.

        A body of bytes is sent as it is.
        """
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        response = self._session.request(
            method,
            self.server + path,
            params=parameters,
            data=body,
            headers={"Content-Type": content_type, "Accept": accept},
            timeout=60,
        )
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = {"message": response.text}
        if not response.ok:
            raise ApiStatusError(
                response.status_code, answer.get("reason", ""), answer.get("message", "")
            )
        return dict(answer)

    @contextmanager
    def watch(
        self, path: str, parameters: Mapping[str, str], version: str, silence: float = 60
    ) -> Iterator[Iterator[bytes]]:
        """The events on `path` after a resourceVersion, as lines of JSON, until the server ends it.

        Raises requests.RequestException when none comes for `silence` seconds.
        """
        with self._session.get(
            self.server + path,
            params={**parameters, "watch": "1", "resourceVersion": version},
            stream=True,
            timeout=(5, silence),
        ) as response:
            yield response.iter_lines(chunk_size=None)

    def is_ready(self) -> bool:
        """Whether the API server answers and says that it is ready."""
        try:
            return self._session.get(f"{self.server}/readyz", timeout=5).ok
        except (requests.RequestException, OSError):
            return False

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object:
        """One object; raises ApiStatusError with reason `NotFound` where there is none."""
        return self.request("GET", self._path(kind, namespace, name))

    def find(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None where there is none."""
        try:
            return self.get(kind, name, namespace)
        except ApiStatusError as error:
            # Without a reason where the kind itself has just gone.
            if error.code != HTTPStatus.NOT_FOUND:
                raise
            return None

    def list(self, kind: str, namespace: str | None = None, labels: str = "") -> list[Object]:
        """All objects of a kind: of one namespace, or of all; `labels` is a label selector."""
        parameters = {"labelSelector": labels} if labels else {}
        items = self.request("GET", self._path(kind, namespace), parameters=parameters)["items"]
        return list(items)

    def create(self, object_: Object, *, dry_run: bool = False) -> Object:
        """The object as the API server made it."""
        path = self._path_of(object_, named=False)
        return self.request("POST", path, object_, parameters=_options(dry_run))

    def apply(
        self,
        object_: Object,
        *,
        field_manager: str = "tests",
        force: bool = True,
        dry_run: bool = False,
    ) -> Object:
        """The object after a server-side apply as `field_manager`."""
        return self.request(
            "PATCH",
            self._path_of(object_, named=True),
            object_,
            content_type="application/apply-patch+yaml",
            parameters=_options(dry_run)
            | {"fieldManager": field_manager, "force": "true" if force else "false"},
        )

    def merge_patch(
        self,
        kind: str,
        name: str,
        patch: Object,
        namespace: str | None = None,
        *,
        subresource: str = "",
    ) -> Object:
        """The object after a JSON merge patch: null removes a field."""
        return self.request(
            "PATCH",
            self._path(kind, namespace, name, subresource),
            patch,
            content_type="application/merge-patch+json",
        )

    def json_patch(
        self, kind: str, name: str, patch: Sequence[Object], namespace: str | None = None
    ) -> Object:
        """The object after a JSON patch (RFC 6902)."""
        return self.request(
            "PATCH",
            self._path(kind, namespace, name),
            list(patch),
            content_type="application/json-patch+json",
        )

    def add_syncer(self, name: str, targets: Sequence[str], data: Mapping[str, str]) -> None:
        """Make a syncer with its source, the ConfigMap `settings`, and all its namespaces.

        The source is in a namespace of the syncer's name.
        """
        for namespace in (name, *targets):
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        metadata = {"name": "settings", "namespace": name}
        self.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        spec = {
            "sourceNamespace": name,
            "sourceConfigMap": "settings",
            "targetNamespaces": list(targets),
        }
        self.create(
            {
                "apiVersion": "config.example.com/v1alpha1",
                "kind": "ConfigMapSyncer",
                "metadata": {"name": name},
                "spec": spec,
            }
        )

    def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        propagation: Propagation | None = None,
    ) -> None:
        """Ask for the deletion of an object; it may stay until its finalizers are gone."""
        options = {"propagationPolicy": propagation} if propagation else {}
        self.request("DELETE", self._path(kind, namespace, name), options)

    def wait_for(
        self,
        kind: str,
        name: str,
        is_so: Callable[[Object], bool],
        what: str,
        namespace: str | None = None,
        *,
        seconds: float = 30,
    ) -> Object:
        """One object as soon as it exists and `is_so` holds; TimedOut shows it as it was last."""
        seen: Object | None = None

        def look() -> Object | None:
            nonlocal seen
            seen = self.find(kind, name, namespace)
            return seen if seen is not None and is_so(seen) else None

        found = wait_for(look, what, seconds, lambda: json.dumps(_without_noise(seen)))
        assert found is not None
        return found

    def wait_until_gone(
        self, kind: str, name: str, namespace: str | None = None, *, seconds: float = 30
    ) -> None:
        """Return when there is no such object."""
        wait_for(
            lambda: self.find(kind, name, namespace) is None,
            f"{kind} {name} to be gone",
            seconds,
            lambda: json.dumps(_without_noise(self.find(kind, name, namespace))),
        )

    def _path_of(self, object_: Object, *, named: bool) -> str:
        group, _, _ = str(object_["apiVersion"]).rpartition("/")
        kind = f"{object_['kind']}.{group}" if group else str(object_["kind"])
        metadata = object_["metadata"]
        namespace = metadata.get("namespace")
        if namespace is None and self._resource(kind).namespaced:
            namespace = "default"
        return self._path(kind, namespace, metadata["name"] if named else "")

    def _path(
        self, kind: str, namespace: str | None = None, name: str = "", subresource: str = ""
    ) -> str:
        resource = self._resource(kind)
        inside = ["namespaces", namespace] if namespace and resource.namespaced else []
        parts = [resource.path, *inside, resource.plural, name, subresource]
        return "/".join(part for part in parts if part)

    def _resource(self, kind: str) -> ResourcePath:
        if kind not in self._resources:
            self._discover()
        if kind not in self._resources:
            raise ApiStatusError(404, "NotFound", f"The API server knows no kind {kind}.")
        return self._resources[kind]

    def _discover(self) -> None:
        self._resources.clear()
        for root in ("/api", "/apis"):
            for group in self.request("GET", root, accept=_DISCOVERY)["items"]:
                group_name = group.get("metadata", {}).get("name", "")
                # The first version is the one that the server prefers.
                version = group["versions"][0]
                path = "/".join(part for part in (root, group_name, version["version"]) if part)
                for entry in version.get("resources", ()):
                    kind = entry["responseKind"]["kind"]
                    resource = ResourcePath(path, entry["resource"], entry["scope"] == "Namespaced")
                    self._resources.setdefault(kind, resource)
                    if group_name:
                        self._resources[f"{kind}.{group_name}"] = resource


def _options(dry_run: bool) -> dict[str, str]:
    # Strict, because an unknown field in a test is a mistake and not a wish.
    strict = {"fieldValidation": "Strict"}
    return strict | {"dryRun": "All"} if dry_run else strict


def _without_noise(object_: Object | None) -> Object | None:
    if object_ is None:
        return None
    metadata = {key: value for key, value in object_["metadata"].items() if key != "managedFields"}
    return object_ | {"metadata": metadata}

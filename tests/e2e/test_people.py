"""Who is bound to Kubernetes' own roles may do with syncers what those roles say of other kinds."""

from collections.abc import Iterator

import pytest

from tests.controlplane import ApiStatusError, Client, ControlPlane, Object, wait_for
from tests.controlplane.stack import kustomize

_GROUP = "rbac.authorization.k8s.io"
READING = ("get", "list", "watch")
WRITING = ("create", "update", "patch", "delete", "deletecollection")
# Of the built-in ones each in its turn, and ours bound by themselves.
ROLES = {
    "view": READING,
    "edit": READING + WRITING,
    "admin": READING + WRITING,
    "configmap-syncer-view": READING,
    "configmap-syncer-edit": READING + WRITING,
}
SYNCER: Object = {
    "apiVersion": "config.example.com/v1alpha1",
    "kind": "ConfigMapSyncer",
    "metadata": {"name": "peoples"},
    "spec": {
        "sourceNamespace": "default",
        "sourceConfigMap": "settings",
        "targetNamespaces": ["peoples"],
    },
}


@pytest.fixture(scope="module")
def roles(control_plane: ControlPlane) -> Iterator[None]:
    """The roles of the base, and the built-in ones that have taken them in."""
    ours = [each for each in kustomize("metacontroller") if each["kind"] == "ClusterRole"]
    for role in ours:
        control_plane.client.apply(role)
    for name in ("view", "edit", "admin"):
        control_plane.client.wait_for(
            "ClusterRole",
            name,
            lambda role: any(
                "configmapsyncers" in rule["resources"] for rule in role.get("rules") or ()
            ),
            "the rights on syncers",
        )
    yield
    for role in ours:
        control_plane.client.delete("ClusterRole", role["metadata"]["name"])


@pytest.fixture
def syncer(control_plane: ControlPlane) -> Iterator[Object]:
    yield control_plane.client.apply(SYNCER)
    control_plane.client.delete("ConfigMapSyncer", SYNCER["metadata"]["name"])


def _somebody(control_plane: ControlPlane, role: str, namespace: str | None = None) -> Client:
    """A person who is bound to one role, in the whole cluster or in one namespace."""
    name = f"somebody-with-{role}-in-{namespace or 'all'}"
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    control_plane.client.apply(
        {
            "apiVersion": f"{_GROUP}/v1",
            "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": _GROUP, "kind": "User", "name": name}],
        }
    )
    _, client = control_plane.add_identity(name)
    return client


def _may(control_plane: ControlPlane, user: str, resource: str) -> set[str]:
    """The verbs that the API server says a user may use on syncers or a part of them."""
    name, _, part = resource.partition("/")

    def allowed(verb: str) -> bool:
        attributes = {"group": "config.example.com", "resource": name, "verb": verb}
        if part:
            attributes["subresource"] = part
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {"user": user, "resourceAttributes": attributes},
        }
        answer = control_plane.client.request(
            "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review
        )
        return bool(answer["status"]["allowed"])

    return {verb for verb in READING + WRITING if allowed(verb)}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_allows_what_its_name_says_and_no_more(
    control_plane: ControlPlane, roles: None, role: str
) -> None:
    _somebody(control_plane, role)
    user = f"somebody-with-{role}-in-all"

    def settled() -> bool:
        return _may(control_plane, user, "configmapsyncers") == set(ROLES[role])

    # The API server learns of a binding an instant after it has stored it.
    wait_for(settled, f"the rights of {role}")
    assert _may(control_plane, user, "configmapsyncers/status") == set()


def test_a_viewer_sees_syncers_and_cannot_write_them(
    control_plane: ControlPlane, roles: None, syncer: Object
) -> None:
    viewer = _somebody(control_plane, "view")
    name = syncer["metadata"]["name"]
    wait_for(lambda: _sees(viewer), "the binding to count")

    assert viewer.get("ConfigMapSyncer", name)["spec"] == syncer["spec"]
    assert name in [each["metadata"]["name"] for each in viewer.list("ConfigMapSyncer")]
    for write in (
        lambda: viewer.create(SYNCER | {"metadata": {"name": "another"}}),
        lambda: viewer.merge_patch("ConfigMapSyncer", name, {"spec": {"keys": ["a"]}}),
        lambda: viewer.delete("ConfigMapSyncer", name),
    ):
        with pytest.raises(ApiStatusError) as refusal:
            write()
        assert refusal.value.code == 403


def test_an_editor_can_write_syncers_but_not_their_status(
    control_plane: ControlPlane, roles: None
) -> None:
    editor = _somebody(control_plane, "edit")
    wait_for(lambda: _sees(editor), "the binding to count")

    made = editor.create(SYNCER | {"metadata": {"name": "an-editors"}})
    name = made["metadata"]["name"]
    patched = editor.merge_patch("ConfigMapSyncer", name, {"spec": {"keys": ["a"]}})
    with pytest.raises(ApiStatusError) as refusal:
        editor.merge_patch("ConfigMapSyncer", name, {"status": {}}, subresource="status")
    editor.delete("ConfigMapSyncer", name)

    assert patched["spec"]["keys"] == ["a"]
    assert refusal.value.code == 403
    assert control_plane.client.find("ConfigMapSyncer", name) is None


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_an_editor_of_one_namespace_can_neither_write_nor_see_syncers(
    control_plane: ControlPlane, roles: None, role: str
) -> None:
    somebody = _somebody(control_plane, role, "default")
    wait_for(lambda: _sees(somebody, "ConfigMap", "default"), "the binding to count")

    assert not _sees(somebody)
    with pytest.raises(ApiStatusError) as refusal:
        somebody.create(SYNCER)
    assert refusal.value.code == 403


def _sees(somebody: Client, kind: str = "ConfigMapSyncer", namespace: str | None = None) -> bool:
    try:
        somebody.list(kind, namespace)
    except ApiStatusError as error:
        if error.code != 403:
            raise
        return False
    return True

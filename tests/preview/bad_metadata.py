"""Metadata that the API server refuses, and metadata that it takes, whatever the kind."""

from typing import Final

from hooks.preview.simulator.objects import Object


def _owned(**fields: object) -> Object:
    """Metadata with one owner that is right except for the given fields."""
    return {"ownerReferences": [_OWNER | fields]}


_OWNER: Final[Object] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "name": "shop",
    "uid": "5d1c6f0e-7a58-4b6b-9f0b-0c9b4f1f2a11",
}

REFUSED_METADATA: Final[dict[str, Object]] = {
    "an owner without a uid": _owned(uid=""),
    "an owner whose uid is a number": _owned(uid=5),
    "an owner without a kind": _owned(kind=""),
    "an owner without a name": _owned(name=""),
    "an owner whose name is null": _owned(name=None),
    "an owner without a version": _owned(apiVersion=""),
    "an owner with a group alone": _owned(apiVersion="apps/"),
    "an owner with two groups": _owned(apiVersion="a/b/c"),
    "an owner that is an Event": _owned(apiVersion="v1", kind="Event"),
    "an owner with an unknown field": _owned(namespace="default"),
    "an owner that controls in words": _owned(controller="true"),
    "an owner that blocks with a number": _owned(blockOwnerDeletion=1),
    "an owner that is a text": {"ownerReferences": ["shop"]},
    "owners in a map": {"ownerReferences": _OWNER},
    "two controllers": {
        "ownerReferences": [
            _OWNER | {"controller": True},
            _OWNER | {"name": "other", "uid": "another", "controller": True},
        ]
    },
    "a finalizer with a space": {"finalizers": ["a b"]},
    "a finalizer with a prefix in capitals": {"finalizers": ["Example.com/keep"]},
    "a finalizer with two slashes": {"finalizers": ["example.com/keep/it"]},
    "a finalizer without a prefix before the slash": {"finalizers": ["/keep"]},
    "a finalizer without a name": {"finalizers": ["example.com/"]},
    "an empty finalizer": {"finalizers": [""]},
    "a long finalizer": {"finalizers": ["example.com/" + 64 * "a"]},
    "the finalizers of both ways to delete": {"finalizers": ["orphan", "foregroundDeletion"]},
    "the start of a name with capitals": {"generateName": "A_b"},
    "a dash as the start of a name": {"generateName": "-"},
    "the start of a name that ends with a dot": {"generateName": "a."},
    "a number as the start of a name": {"generateName": 5},
    "an unknown field of who wrote what": {"managedFields": [{"manger": "kubectl"}]},
}

REFUSED_WITHOUT_GROUP: Final[dict[str, Object]] = {
    "a finalizer without a prefix": {"finalizers": ["keep"]},
}
"""What is refused of Kubernetes' own kinds, and only warned of where the kind is a CRD's."""

ACCEPTED_METADATA: Final[dict[str, Object]] = {
    "an owner": _owned(),
    "an owner of the core group": _owned(apiVersion="v1", kind="ConfigMap"),
    "an owner that is an Event of the newer group": _owned(
        apiVersion="events.k8s.io/v1", kind="Event"
    ),
    "an owner that controls": _owned(controller=True, blockOwnerDeletion=False),
    "an owner with null for what it may leave out": _owned(controller=None),
    "two owners, one controls": {
        "ownerReferences": [
            _OWNER | {"controller": True},
            _OWNER | {"name": "other", "uid": "another", "controller": False},
        ]
    },
    "a finalizer": {"finalizers": ["example.com/keep_It.1"]},
    "a finalizer of Kubernetes' own": {"finalizers": ["orphan"]},
    "the start of a name": {"generateName": "team-"},
    "an empty start of a name": {"generateName": ""},
    "nothing": {"ownerReferences": None, "finalizers": None, "generateName": None},
}

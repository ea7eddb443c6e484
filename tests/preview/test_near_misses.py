"""What is nearly a kind that the preview reads is an error; what is another kind is not."""

import io

import pytest

from hooks.preview.input import manifests
from hooks.preview.input.near_misses import misspelled
from hooks.preview.simulator.objects import RESOURCES, SYNCER
from hooks.preview.simulator.schema import Schema

SCHEMA = Schema.load()
GROUP = "config.example.com/v1alpha1"
OTHERS = (
    ("v1", "Binding ComponentStatus Endpoints Event LimitRange Node PersistentVolume Pod"),
    ("v1", "PersistentVolumeClaim PodTemplate ReplicationController ResourceQuota Service"),
    ("v1", "ServiceAccount"),
    ("apps/v1", "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet"),
    ("batch/v1", "CronJob Job"),
    ("events.k8s.io/v1", "Event"),
    ("networking.k8s.io/v1", "Ingress IngressClass NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole ClusterRoleBinding Role RoleBinding"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy MutatingWebhookConfiguration"),
    ("metacontroller.k8s.io/v1alpha1", "CompositeController DecoratorController"),
    ("config.openshift.io/v1", "ClusterOperator Ingress Network OAuth Scheduler Image Console"),
    ("config.gatekeeper.sh/v1alpha1", "Config"),
    ("config.karmada.io/v1alpha1", "ResourceInterpreterCustomization"),
    ("configuration.konghq.com/v1", "KongPlugin KongConsumer"),
    ("configsync.gke.io/v1beta1", "RootSync RepoSync"),
    ("core.cnrm.cloud.google.com/v1beta1", "ConfigConnector"),
    ("external-secrets.io/v1", "ExternalSecret ClusterExternalSecret SecretStore PushSecret"),
    ("bitnami.com/v1alpha1", "SealedSecret"),
    ("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass"),
    ("servicebus.azure.com/v1", "Namespace"),
    ("kubernetes.crossplane.io/v1", "Object Secret ConfigMap"),
    ("policy.karmada.io/v1alpha1", "PropagationPolicy"),
    ("addons.cluster.x-k8s.io/v1beta1", "ClusterResourceSet"),
    ("trust.cert-manager.io/v1alpha1", "Bundle"),
    ("kyverno.io/v1", "ClusterPolicy"),
    ("argoproj.io/v1alpha1", "Application AppProject ApplicationSet Workflow"),
    ("source.toolkit.fluxcd.io/v1", "GitRepository"),
    ("kustomize.toolkit.fluxcd.io/v1", "Kustomization"),
    ("kustomize.config.k8s.io/v1beta1", "Kustomization"),
    ("example.com/v1", "ConfigMap Config ConfigMapSource ConfigMapSynchronization"),
)


def said(text: str) -> list[str]:
    given = manifests.read(["-"], io.BytesIO(text.encode()), SCHEMA)
    assert given.ignored == 0
    return [str(problem).removeprefix("standard input:") for problem in given.problems]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [(version, kind) for version, kinds in OTHERS for kind in kinds.split()],
)
def test_a_kind_of_others_is_not_taken_for_a_misspelled_one(api_version: str, kind: str) -> None:
    for spelling in (kind, f"{kind}List"):
        assert misspelled(api_version, spelling) is None


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        (GROUP, "ConfigMapSync"),
        (GROUP, "configmapsyncer"),
        (GROUP, "configmapsyncers"),
        (GROUP, "ConfigmapSyncer"),
        (GROUP, "Config-Map-Syncer"),
        (GROUP, "config_map_syncers"),
        (GROUP, "Config Map Syncer"),
        (GROUP, "ConfigMapSyncer "),
        (GROUP, "Config\u200bMapSyncer"),
        (GROUP, "\u0421onfigMapSyncer"),  # A Cyrillic letter.
        (GROUP, "\uff23onfigMapSyncer"),  # A full-width one.
        (GROUP, "SecretSyncer"),
        ("config.example.com/v1", "ConfigMapSyncer"),
        ("config.example.com/v1alpha2", "ConfigMapSyncer"),
        ("config.example.com/", "ConfigMapSyncer"),
        ("config.example.com", "ConfigMapSyncer"),
        ("Config.Example.com/v1alpha1", "ConfigMapSyncer"),
        (" config.example.com/v1alpha1", "ConfigMapSyncer"),
        ("config.exmaple.com/v1alpha1", "Copier"),
        ("config.example.con/v1alpha1", "Copier"),
        ("configs.example.com/v1alpha1", "ConfigMapSyncer"),
        ("config.example.org/v1alpha1", "ConfigMapSyncer"),
        ("example.com/v1alpha1", "ConfigMapSyncer"),
        ("v1alpha1", "ConfigMapSyncer"),
        ("v1", "ConfigMapSyncer"),
        ("apps/v1", "ConfigMapSnycer"),
        ("ConfigMapSyncer", GROUP),
        ("ConfigMapSyncer", "v1"),
    ],
)
def test_a_slip_in_the_kind_or_the_group_is_noticed(api_version: str, kind: str) -> None:
    assert misspelled(api_version, kind) is SYNCER
    assert 1 <= len(said(f"apiVersion: {api_version!r}\nkind: {kind!r}\n")) <= 2


@pytest.mark.parametrize("kind", ["Configmap", "ConfigMaps", "config-map", "Secert", "Namepsace"])
@pytest.mark.parametrize("api_version", ["v1", "core/v1", "vl"])
def test_a_slip_in_a_kind_of_kubernetes_is_noticed(api_version: str, kind: str) -> None:
    assert misspelled(api_version, kind) in RESOURCES.values()
    assert said(f"apiVersion: {api_version}\nkind: {kind}\n") != []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"apiVersion: {GROUP}\nkind: ConfigMapSync\nmetadata: {{name: team}}\n",
            ['2: ConfigMapSync team: kind: no matches for "ConfigMapSync"; {kind}'],
            id="the kind",
        ),
        pytest.param(
            "kind: ConfigMapSyncer\n\napiVersion: config.exmaple.com/v1alpha1\n",
            ['3: ConfigMapSyncer: apiVersion: no matches for "config.exmaple.com/v1alpha1"; {api}'],
            id="the group",
        ),
        pytest.param(
            f"apiVersion: ConfigMapSyncer\nkind: {GROUP}\n",
            [
                (
                    '1: config.example.com/v1alpha1: apiVersion: no matches for "ConfigMapSyncer"; '
                    "{api}"
                ),
                (
                    "2: config.example.com/v1alpha1: kind: no matches for "
                    '"config.example.com/v1alpha1"; {kind}'
                ),
            ],
            id="swapped",
        ),
        pytest.param(
            "# one\n---\nkind: List\napiVersion: v1\nitems:\n- kind: List\n  apiVersion: v1\n"
            f"  items:\n  - apiVersion: {GROUP}\n    kind: configmapsyncer\n",
            ['10: configmapsyncer: kind: no matches for "configmapsyncer"; {kind}'],
            id="in a List in a List",
        ),
        pytest.param(
            f"kind: ConfigMapSyncerlist\napiVersion: {GROUP}\nitems: []\n",
            ['1: ConfigMapSyncerlist: kind: no matches for "ConfigMapSyncerlist"; {kind}'],
            id="a List that is none",
        ),
        pytest.param(
            f'{{"apiVersion": "{GROUP}",\n"kind": "\\u001b[2JConfigMapSyncer"}}',
            ['2: \\x1b[2JConfigMapSyncer: kind: no matches for "\\x1b[2JConfigMapSyncer"; {kind}'],
            id="what would clear the screen",
        ),
        pytest.param(
            "kind: Template\napiVersion: template.openshift.io/v1\nobjects:\n"
            f"- apiVersion: {GROUP}\n  kind: ConfigMapSyncer\n  spec: {{}}\n",
            [
                (
                    "4: Template: objects[0]: the ConfigMapSyncer in it is not previewed: "
                    "make it a document of its own"
                )
            ],
            id="inside another object",
        ),
        pytest.param(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
            "resources:\n- syncer.yaml\n- ../base\n- https://example.com/base\nnamePrefix: a-\n",
            [
                "7: Kustomization: namePrefix: {rendered}",
                "5: Kustomization: resources[1]: is not in this folder, and {rendered}",
                "6: Kustomization: resources[2]: is not in this folder, and {rendered}",
            ],
            id="a Kustomization that changes something",
        ),
    ],
)
def test_the_line_and_the_right_spelling_are_named(text: str, expected: list[str]) -> None:
    assert said(text) == [
        line.replace("{kind}", 'did you mean "ConfigMapSyncer"?')
        .replace("{api}", f'did you mean "{GROUP}"?')
        .replace(
            "{rendered}", 'has to be rendered first: preview the output of "kubectl kustomize"'
        )
        for line in expected
    ]


def test_what_only_names_a_syncer_or_lists_its_resources_is_ignored() -> None:
    reference = f"{{apiVersion: {GROUP}, kind: ConfigMapSyncer, name: team}}"
    text = (
        f"kind: Event\napiVersion: v1\ninvolvedObject: {reference}\n---\n"
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n"
    )
    given = manifests.read(["-"], io.BytesIO(text.encode()), SCHEMA)
    assert (given.problems, given.ignored) == ((), 2)


@pytest.mark.parametrize("text", ["x" * 10_000_000, "ConfigMapSyncer" * 100_000])
def test_a_long_kind_is_neither_compared_nor_printed_whole(text: str) -> None:
    assert misspelled("v1", text) is None
    [problem] = said(f"apiVersion: {GROUP}\nkind: {text}\n")
    assert len(problem) < 1_000

"""A hook that asks for a token, TLS and a client certificate, and the real Metacontroller.

What Metacontroller reads when, and with which rights, is measured here; the page
docs/security-of-the-hook.md says it to those who install.
"""

import base64
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.controlplane import Object, Stack
from tests.controlplane.client import wait_for
from tests.controlplane.stack import NAMESPACE, SERVICE_ACCOUNT
from tests.controlplane.tools import ROOT, SERVER_SIDE_APPLY
from tools.certificates import Authority, Pair

RBAC = "rbac.authorization.k8s.io"
TOKENS = ("the-token-of-yesterday", "the-token-of-tomorrow")
WEBHOOKS = ("sync", "finalize", "customize")
UNREADABLE = "metacontroller-without-secrets"


def secret(name: str, values: dict[str, bytes]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {key: base64.b64encode(value).decode() for key, value in values.items()},
    }


@dataclass(frozen=True)
class Credentials:
    """The files of the hook, and the objects from which Metacontroller reads its side of them."""

    folder: Path
    authority: Authority = field(default_factory=Authority)
    clients: Authority = field(default_factory=lambda: Authority("clients"))

    def know(self, *tokens: str) -> None:
        """Have the hook know these tokens and no others."""
        successor = self.folder / "tokens.next"
        successor.write_text("\n".join(tokens))
        successor.replace(self.folder / "tokens")

    def settings(self) -> dict[str, str]:
        certificate, key = self.authority.server().write(self.folder)
        self.know(TOKENS[0])
        return {
            # So that an end in time needs no clock.
            "SHUTDOWN_SECONDS": "600",
            "BEARER_TOKEN_FILE": str(self.folder / "tokens"),
            "TLS_CERTIFICATE_FILE": str(certificate),
            "TLS_KEY_FILE": str(key),
            "CLIENT_CA_FILE": str(self.clients.write(self.folder / "clients.crt")),
        }

    def trusting(self) -> ssl.SSLContext:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(cadata=self.authority.certificate.decode())
        return tls

    def objects(self, client: Pair) -> list[Object]:
        return [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "hook-ca", "namespace": NAMESPACE},
                "data": {"ca.crt": self.authority.certificate.decode()},
            },
            secret("hook-token", {"token": TOKENS[0].encode()}),
            secret("hook-client", {"tls.crt": client.certificate, "tls.key": client.key}),
        ]


READS_SECRETS: list[Object] = [
    {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "reads-credentials"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list", "watch"]}],
    },
    {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "reads-credentials"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "reads-credentials"},
        "subjects": [
            {"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE},
        ],
    },
]
"""What Metacontroller's role needs in addition, as the page says."""
CA_BUNDLE: Object = {
    "caBundle": {"configMapRef": {"name": "hook-ca", "namespace": NAMESPACE, "key": "ca.crt"}}
}
AUTHORIZATION: Object = {
    "authorization": {
        "type": "Bearer",
        "secretRef": {"name": "hook-token", "namespace": NAMESPACE, "key": "token"},
    }
}
CLIENT_TLS: Object = {"clientTLS": {"secretRef": {"name": "hook-client", "namespace": NAMESPACE}}}


def test_the_settings_in_the_page_are_those_that_are_tried_here() -> None:
    page = (ROOT / "docs/security-of-the-hook.md").read_text("utf-8")
    [shown] = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)

    assert yaml.safe_load(shown) == CA_BUNDLE | AUTHORIZATION | CLIENT_TLS


def secured(controller: Object, *settings: Object) -> Object:
    """The registration with settings in each of its webhooks."""
    hooks = {
        name: controller["spec"]["hooks"][name]
        | {
            "webhook": {
                key: value
                for part in (controller["spec"]["hooks"][name]["webhook"], *settings)
                for key, value in part.items()
            }
        }
        for name in WEBHOOKS
    }
    return controller | {"spec": controller["spec"] | {"hooks": hooks}}


@dataclass
class Secured:
    """The product behind locked doors."""

    stack: Stack
    credentials: Credentials
    registration: Object

    def make(self, name: str) -> None:
        """A source with two targets, and the syncer for them."""
        namespaces = [f"{name}-{suffix}" for suffix in ("source", "dev", "prod")]
        for namespace in namespaces:
            self.stack.client.create(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            )
        self.stack.client.create(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "settings", "namespace": namespaces[0]},
                "data": {"key": "value"},
            }
        )
        self.stack.client.create(
            {
                "apiVersion": "config.example.com/v1alpha1",
                "kind": "ConfigMapSyncer",
                "metadata": {"name": name},
                "spec": {
                    "sourceNamespace": namespaces[0],
                    "sourceConfigMap": "settings",
                    "targetNamespaces": namespaces[1:],
                },
            }
        )

    def wait_until_ready(self, name: str) -> Object:
        return self.stack.client.wait_for(
            "ConfigMapSyncer",
            name,
            lambda syncer: syncer.get("status", {}).get("syncedCount") == 2,
            "both copies",
            seconds=60,
        )

    def register(self, *settings: Object) -> None:
        self.stack.client.apply(secured(self.registration, *settings), field_manager="installation")

    def wait_for_event(self, name: str, text: str) -> str:
        """The sentence of an event about a syncer or the registration."""

        def look() -> str | None:
            for event in self.stack.client.list("Event.events.k8s.io"):
                if event["regarding"].get("name") == name and text in event.get("note", ""):
                    return str(event["note"])
            return None

        return str(wait_for(look, f"an event about {name}: {text}", 60, self.stack.logs))

    def refusals(self) -> int:
        """How often the hook has refused somebody."""
        return sum(1 for call in self.stack.hook.calls() if call["code"] == 401)

    def touch(self, name: str) -> None:
        """Have Metacontroller ask about a syncer at once."""
        version = self.stack.client.get("ConfigMapSyncer", name)["metadata"]["resourceVersion"]
        self.stack.client.merge_patch(
            "ConfigMapSyncer",
            name,
            {"metadata": {"annotations": {"example.com/look-again": version}}},
        )

    def written(self) -> str:
        """Everything that the hook, Metacontroller and its events have said so far."""
        logs = [
            file.read_text("utf-8", "replace")
            for process in (self.stack.hook, self.stack.metacontroller)
            for file in (process.output, process.log)
        ]
        return "\n".join([*logs, str(self.stack.client.list("Event.events.k8s.io"))])


@pytest.fixture(scope="module")
def behind_doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    credentials = Credentials(tmp_path_factory.mktemp("credentials"))
    registrations: list[Object] = []

    def installation(registered: list[Object]) -> list[Object]:
        registration = [each for each in registered if each["kind"] == "CompositeController"]
        registrations.extend(registration)
        everything = (CA_BUNDLE, AUTHORIZATION, CLIENT_TLS)
        return [
            *credentials.objects(credentials.clients.client()),
            *READS_SECRETS,
            *(secured(each, *everything) for each in registration),
        ]

    with Stack(
        SERVER_SIDE_APPLY,
        hook_settings=credentials.settings(),
        hook_tls=credentials.trusting(),
        installation=installation,
    ) as stack:
        [registration] = registrations
        yield Secured(stack, credentials, registration)


@pytest.fixture
def product(behind_doors: Secured) -> Iterator[Secured]:
    """The product as it was installed; what a test changed is put back."""
    yield behind_doors
    behind_doors.credentials.know(TOKENS[0])
    behind_doors.stack.client.apply(secret("hook-token", {"token": TOKENS[0].encode()}))
    behind_doors.register(CA_BUNDLE, AUTHORIZATION, CLIENT_TLS)
    behind_doors.stack.wait_until_syncing()


def test_a_syncer_gets_ready_through_all_doors_and_leaves_through_them(product: Secured) -> None:
    product.make("all-doors")
    product.wait_until_ready("all-doors")

    product.stack.client.delete("ConfigMapSyncer", "all-doors")

    product.stack.client.wait_until_gone("ConfigMapSyncer", "all-doors")
    assert {call["hook"] for call in product.stack.hook.calls(syncer="all-doors")} == set(WEBHOOKS)
    assert product.refusals() == 0


def test_the_hook_ends_although_metacontroller_keeps_its_connections(product: Secured) -> None:
    hook = product.stack.hook
    product.make("kept-connections")
    product.wait_until_ready("kept-connections")
    assert hook._running is not None
    hook._running.terminate()

    assert hook._running.wait(timeout=60) == 0

    hook.kill()
    hook.start()
    product.stack.wait_until_syncing()


def test_a_wrong_token_syncs_nothing_and_the_event_says_why_without_it(product: Secured) -> None:
    product.credentials.know(TOKENS[1])

    product.make("wrong-token")

    sentence = product.wait_for_event("wrong-token", "401")
    assert "unsupported status code: 401 body: the bearer token is not a valid one" in sentence
    assert product.stack.client.find("ConfigMap", "settings", "wrong-token-dev") is None
    untouched = product.stack.client.get("ConfigMapSyncer", "wrong-token")["status"]
    assert untouched == {"observedGeneration": -1}
    assert [token for token in TOKENS if token in product.written()] == []

    product.credentials.know(*TOKENS)
    product.touch("wrong-token")
    product.wait_until_ready("wrong-token")


def test_without_a_client_certificate_nothing_is_synced_and_the_event_says_so(
    product: Secured,
) -> None:
    product.register(CA_BUNDLE, AUTHORIZATION)

    product.make("no-certificate")

    sentence = product.wait_for_event("no-certificate", "401")
    assert "unsupported status code: 401 body: show a client certificate" in sentence
    assert product.stack.client.find("ConfigMap", "settings", "no-certificate-dev") is None


def test_a_client_certificate_of_another_authority_syncs_nothing_and_the_event_says_so(
    product: Secured,
) -> None:
    stranger = Authority("clients").client()
    product.stack.client.apply(
        secret("stranger", {"tls.crt": stranger.certificate, "tls.key": stranger.key})
    )
    reference = {"name": "stranger", "namespace": NAMESPACE}
    product.register(CA_BUNDLE, AUTHORIZATION, {"clientTLS": {"secretRef": reference}})

    product.make("stranger")

    product.wait_for_event("stranger", "http error")
    assert product.stack.client.find("ConfigMap", "settings", "stranger-dev") is None


def test_a_hook_that_the_bundle_does_not_know_gets_no_request_and_the_event_says_so(
    product: Secured,
) -> None:
    bundle = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "other-ca", "namespace": NAMESPACE},
        "data": {"ca.crt": Authority().certificate.decode()},
    }
    product.stack.client.apply(bundle)
    reference = {"name": "other-ca", "namespace": NAMESPACE, "key": "ca.crt"}
    product.register({"caBundle": {"configMapRef": reference}}, AUTHORIZATION, CLIENT_TLS)

    product.make("other-ca")

    product.wait_for_event("other-ca", "certificate signed by unknown authority")
    assert product.stack.hook.calls(syncer="other-ca") == []


def test_a_secret_that_is_not_there_is_said_by_an_event_about_the_registration(
    product: Secured,
) -> None:
    reference = {"name": "no-such-secret", "namespace": NAMESPACE, "key": "token"}
    product.register(CA_BUNDLE, {"authorization": {"secretRef": reference}}, CLIENT_TLS)

    name = product.registration["metadata"]["name"]
    sentence = product.wait_for_event(name, "no-such-secret")
    assert sentence.startswith("Cannot create new controller")


def test_a_rotated_token_is_used_only_when_the_registration_itself_changes(
    product: Secured,
) -> None:
    product.make("rotated")
    product.wait_until_ready("rotated")
    client = product.stack.client
    product.credentials.know(*TOKENS)
    client.apply(secret("hook-token", {"token": TOKENS[1].encode(), "token-2": TOKENS[1].encode()}))
    # Not even an annotation makes it read the Secret again: it compares the spec.
    name = product.registration["metadata"]["name"]
    synced = f'"Sync CompositeController","name":"{name}"'
    before = product.written().count(synced)
    client.merge_patch(
        "CompositeController", name, {"metadata": {"annotations": {"example.com/rotated": "2"}}}
    )
    wait_for(
        lambda: product.written().count(synced) > before,
        "Metacontroller to look at the annotated registration",
        last=product.stack.logs,
    )
    product.credentials.know(TOKENS[1])
    refused = product.refusals()
    product.touch("rotated")
    wait_for(lambda: product.refusals() > refused, "the old token to be refused")

    reference = {"name": "hook-token", "namespace": NAMESPACE, "key": "token-2"}
    product.register(
        CA_BUNDLE, {"authorization": {"type": "Bearer", "secretRef": reference}}, CLIENT_TLS
    )

    product.make("after-rotation")
    product.wait_until_ready("after-rotation")


def test_a_bundle_from_a_configmap_needs_no_right_on_secrets_and_a_token_needs_list_and_watch(
    product: Secured,
) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["configmaps", "namespaces", "events"], "verbs": ["*"]},
        {"apiGroups": ["*"], "resources": ["events"], "verbs": ["*"]},
        {"apiGroups": ["config.example.com"], "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": ["metacontroller.k8s.io"], "resources": ["*"], "verbs": ["*"]},
        {
            "apiGroups": ["apiextensions.k8s.io"],
            "resources": ["*"],
            "verbs": ["get", "list", "watch"],
        },
    ]
    client, metacontroller = product.stack.client, product.stack.metacontroller
    client.apply(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRole",
            "metadata": {"name": UNREADABLE},
            "rules": rules,
        }
    )
    client.apply(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": UNREADABLE},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": UNREADABLE},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": UNREADABLE}],
        }
    )
    kubeconfig, _ = product.stack.control_plane.add_identity(UNREADABLE)
    administrator = metacontroller._settings["KUBECONFIG"]
    metacontroller.kill()
    product.register(CA_BUNDLE)
    metacontroller._settings["KUBECONFIG"] = str(kubeconfig)
    try:
        metacontroller.start()
        product.make("no-secrets")
        # The hook is reached, under TLS that is verified, and says what else it wants.
        product.wait_for_event("no-secrets", "401 body: show a client certificate")
        forbidden = f'User \\"{UNREADABLE}\\" cannot list resource \\"secrets\\"'
        assert forbidden not in product.written()

        product.register(CA_BUNDLE, AUTHORIZATION)

        wait_for(lambda: forbidden in product.written(), "Secrets to be asked for", 60)
        assert 'cannot get resource \\"secrets\\"' not in product.written()
    finally:
        metacontroller.kill()
        metacontroller._settings["KUBECONFIG"] = administrator
        metacontroller.start()

"""What `make certs` makes is what a client that knows ca.crt believes, and no key too many."""

import re
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from tools.certificates.__main__ import FOLDER

ROOT = Path(__file__).parents[2]
HOST = "hook.example.com"


def certify(folder: Path, *arguments: str) -> str:
    return make_certs(folder, "--host", HOST, *arguments)


def make_certs(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tools.certificates", *arguments, str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def bundle(folder: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((folder / "ca.crt").read_bytes())


def believes(known: str, folder: Path, host: str) -> bool:
    """Whether who knows these authorities believes that the folder's certificate is the host's."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    client = ssl.create_default_context(cadata=known)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=host)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    try:
        while not (_is_done(asking.do_handshake) & _is_done(answering.do_handshake)):
            pass
    except ssl.SSLCertVerificationError:
        return False
    return True


def _is_done(shake: Callable[[], object]) -> bool:
    try:
        shake()
    except ssl.SSLWantReadError:
        return False
    return True


def test_a_client_that_knows_the_authority_trusts_the_host_and_no_other(tmp_path: Path) -> None:
    certify(tmp_path)
    known = (tmp_path / "ca.crt").read_text()

    assert believes(known, tmp_path, HOST)
    assert not believes(known, tmp_path, "elsewhere.example.com")


@pytest.mark.parametrize(
    ("arguments", "namespace", "other"),
    [
        ([], "configmap-syncer-system", "elsewhere"),
        (["--namespace", "elsewhere"], "elsewhere", "configmap-syncer-system"),
    ],
    ids=["by default", "in another namespace"],
)
def test_the_host_is_the_webhook_s_service_in_the_namespace_of_the_installation(
    tmp_path: Path, arguments: list[str], namespace: str, other: str
) -> None:
    make_certs(tmp_path, *arguments)
    known = (tmp_path / "ca.crt").read_text()

    assert believes(known, tmp_path, f"configmap-syncer-webhook.{namespace}.svc")
    assert not believes(known, tmp_path, f"configmap-syncer-webhook.{other}.svc")


def test_a_renewal_is_believed_by_who_read_the_bundle_after_it_and_so_is_the_one_before(
    tmp_path: Path,
) -> None:
    certify(tmp_path)
    (tmp_path / "before").mkdir()
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (tmp_path / "before" / name).write_bytes((tmp_path / name).read_bytes())
    printed = certify(tmp_path)
    known = (tmp_path / "ca.crt").read_text()

    assert "restart Metacontroller" in printed
    assert believes(known, tmp_path, HOST)
    assert believes(known, tmp_path / "before", HOST)
    assert not believes((tmp_path / "before" / "ca.crt").read_text(), tmp_path, HOST)
    # Not one more with every renewal.
    certify(tmp_path)
    assert len(bundle(tmp_path)) == 2


def test_no_key_is_kept_but_the_hook_s_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    certify(tmp_path, "--days", "7")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "tls.crt", "tls.key"]
    assert stat.S_IMODE((tmp_path / "tls.key").stat().st_mode) == 0o600
    assert b"PRIVATE KEY" not in (tmp_path / "ca.crt").read_bytes()
    assert b"PRIVATE KEY" not in (tmp_path / "tls.crt").read_bytes()
    [authority] = bundle(tmp_path)
    assert (authority.not_valid_after_utc - authority.not_valid_before_utc).days == 7


def test_git_ignores_what_make_certs_writes() -> None:
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()

    assert f"/{FOLDER.relative_to(ROOT)}/" in ignored


@pytest.mark.parametrize("component", ["tls", "tls-cert-manager"])
def test_the_two_components_differ_in_where_the_authority_comes_from_alone(component: str) -> None:
    folder = ROOT / "metacontroller" / "components"
    kustomization = yaml.safe_load((folder / component / "kustomization.yaml").read_text())
    shared = [(folder / component / each).resolve() for each in kustomization["components"]]
    assert shared == [folder / "tls" / "webhook"]
    patches = [patch["path"] for patch in kustomization["patches"]]
    assert patches == ["authority.yaml", "adoption.yaml", "podmonitor.yaml"]
    reference = (
        r"^#.*\n|ca-bundle: \w+\n"
        r"|(configMap|secret)(Ref)?:\n +name: configmap-syncer-webhook-(ca|tls)\n"
    )
    for patch in patches:
        ours, other = ((folder / each / patch).read_text() for each in (component, "tls"))
        assert re.sub(reference, "", ours) == re.sub(reference, "", other)

"""A hook under TLS: who trusts it, whom it answers, and how certificates are replaced."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hooks.server.credentials import ServerCertificate, UnusableFile, is_known
from tests.http.client import CUSTOMIZE, JSON, SYNC, TEXT, Reply, call
from tests.http.conftest import Edge, Start, refusal_to_start
from tools.certificates import Authority, Pair

HOOKS = {"sync": SYNC, "finalize": SYNC, "customize": CUSTOMIZE}
REFUSED = Reply(
    401,
    "show a client certificate\n",
    {"Content-Type": TEXT, "WWW-Authenticate": "ClientCertificate"},
)
TOKEN = "the-token-of-today"


@dataclass(frozen=True)
class Files:
    """What a service under TLS is given: a folder for each of its two Secrets."""

    folder: Path
    authority: Authority = field(default_factory=Authority)
    clients: Authority = field(default_factory=lambda: Authority("clients"))

    def write(self, pair: Pair | None = None) -> tuple[Path, Path]:
        return (pair or self.authority.server()).write(self.folder)

    @property
    def client_ca(self) -> Path:
        return self.folder / "clients.crt"

    def settings(self, *, client_ca: bool = False) -> dict[str, str]:
        certificate, key = self.write()
        self.clients.write(self.client_ca)
        found = {"TLS_CERTIFICATE_FILE": str(certificate), "TLS_KEY_FILE": str(key)}
        return found | ({"CLIENT_CA_FILE": str(self.client_ca)} if client_ca else {})

    def trusting(
        self, client: Pair | None = None, authority: Authority | None = None
    ) -> ssl.SSLContext:
        """A client that trusts an authority, else the service's, and shows what it was given."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(cadata=(authority or self.authority).certificate.decode())
        if client:
            shown = self.folder / "client"
            shown.mkdir(exist_ok=True)
            tls.load_cert_chain(*client.write(shown))
        return tls


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "tls"
    folder.mkdir()
    return Files(folder)


def call_hook(edge: Edge, hook: str, tls: ssl.SSLContext, token: str = "") -> Reply:
    said = {"Authorization": f"Bearer {token}"} if token else {}
    return call(edge.port, "POST", f"/{hook}", HOOKS[hook], {"Content-Type": JSON} | said, tls)


def is_cut_off(edge: Edge, tls: ssl.SSLContext) -> bool:
    """Whether a client gets no answer: under TLS 1.3 it learns why only if it is quick enough."""
    try:
        call_hook(edge, "sync", tls)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_with_a_certificate_is_called_under_tls(
    start: Start, files: Files, hook: str
) -> None:
    edge = start(files.trusting(), **files.settings())

    assert call_hook(edge, hook, files.trusting()).code == 200


def test_a_client_that_trusts_another_authority_does_not_connect(
    start: Start, files: Files
) -> None:
    edge = start(files.trusting(), **files.settings())

    with pytest.raises(ssl.SSLCertVerificationError):
        call_hook(edge, "sync", files.trusting(authority=Authority("others")))


def test_a_hook_with_a_certificate_answers_no_plain_http(start: Start, files: Files) -> None:
    edge = start(files.trusting(), **files.settings())

    with pytest.raises((ConnectionError, http.client.BadStatusLine)):
        call(edge.port, "GET", "/healthz")


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_tls_of_before_version_1_2_is_refused(start: Start, files: Files, version: str) -> None:
    edge = start(files.trusting(), **files.settings())
    old = files.trusting()
    # OpenSSL would not even offer them at its default level.
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion[version]
    old.maximum_version = ssl.TLSVersion[version]

    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        call_hook(edge, "sync", old)


@pytest.mark.parametrize("hook", HOOKS)
def test_only_a_client_with_a_certificate_of_the_client_authority_is_answered(
    start: Start, files: Files, hook: str
) -> None:
    edge = start(files.trusting(), **files.settings(client_ca=True))

    assert call_hook(edge, hook, files.trusting()) == REFUSED
    assert call_hook(edge, hook, files.trusting(files.clients.client())).code == 200
    # The authority of the server's own certificate is nobody here.
    assert is_cut_off(edge, files.trusting(files.authority.client()))


def test_a_server_certificate_is_not_accepted_from_a_client(start: Start, files: Files) -> None:
    edge = start(files.trusting(), **files.settings(client_ca=True))

    assert is_cut_off(edge, files.trusting(files.clients.server()))


def test_probes_and_metrics_need_no_certificate(start: Start, files: Files) -> None:
    edge = start(files.trusting(), **files.settings(client_ca=True))

    pages = [
        call(edge.port, "GET", path, tls=files.trusting())
        for path in ("/healthz", "/readyz", "/metrics")
    ]

    assert [page.code for page in pages] == [200, 200, 200]


def test_a_client_with_a_certificate_still_needs_a_token(
    start: Start, files: Files, tmp_path: Path
) -> None:
    (tmp_path / "tokens").write_text(TOKEN)
    settings = files.settings(client_ca=True) | {"BEARER_TOKEN_FILE": str(tmp_path / "tokens")}
    edge = start(files.trusting(), **settings)
    shown = files.trusting(files.clients.client())

    codes = [
        call_hook(edge, "sync", tls, token).code
        for tls, token in ((files.trusting(), TOKEN), (shown, ""), (shown, TOKEN))
    ]

    assert codes == [401, 401, 200]


def test_certificates_are_exchanged_without_a_restart(start: Start, files: Files) -> None:
    edge = start(files.trusting(), **files.settings(client_ca=True))
    successor = Files(files.folder)

    successor.settings(client_ca=True)

    assert call_hook(edge, "sync", successor.trusting(successor.clients.client())).code == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        call_hook(edge, "sync", files.trusting())
    assert is_cut_off(edge, successor.trusting(files.clients.client()))


def test_a_service_with_files_of_no_use_does_not_start_and_says_why(files: Files) -> None:
    settings = files.settings()
    Path(settings["TLS_KEY_FILE"]).unlink()

    said = refusal_to_start(**settings)

    assert (
        "TLS_CERTIFICATE_FILE with TLS_KEY_FILE cannot be read: No such file or directory" in said
    )


@contextmanager
def handshake(server: ServerCertificate, client: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    """The server's end of a connection on which both have shaken hands."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(30)
    with ThreadPoolExecutor(1) as other, server.wrap_socket(ends[0], server_side=True) as served:
        asking = other.submit(client.wrap_socket, ends[1])
        served.do_handshake()
        with asking.result():
            yield served


def served(files: Files, said: list[str]) -> ServerCertificate:
    certificate, key = files.write()
    return ServerCertificate(certificate, key, files.clients.write(files.client_ca), said.append)


def unverified(files: Files, client: Pair | None = None) -> ssl.SSLContext:
    tls = files.trusting(client)
    tls.check_hostname = False
    # Under TLS 1.3 a client learns only later what the server thinks of its certificate.
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    return tls


def test_a_client_is_known_by_its_certificate_alone(files: Files) -> None:
    server = served(files, [])

    with handshake(server, unverified(files, files.clients.client())) as connection:
        assert is_known(connection)
    with handshake(server, unverified(files)) as connection:
        assert not is_known(connection)
    assert not is_known(None)


def test_without_a_client_authority_no_client_is_known_by_its_certificate(files: Files) -> None:
    server = ServerCertificate(*files.write(), None, lambda _: None)

    with handshake(server, unverified(files, files.clients.client())) as connection:
        assert not is_known(connection)


ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("tls.crt", b"", "TLS_CERTIFICATE_FILE with TLS_KEY_FILE cannot be used: "),
        ("tls.key", b"no PEM", "TLS_CERTIFICATE_FILE with TLS_KEY_FILE cannot be used: "),
        ("tls.key", ENCRYPTED, "TLS_CERTIFICATE_FILE with TLS_KEY_FILE cannot be used: "),
        ("tls.key", None, "TLS_CERTIFICATE_FILE with TLS_KEY_FILE cannot be read: No such file"),
        ("clients.crt", b"", "CLIENT_CA_FILE cannot be used: "),
        ("clients.crt", None, "CLIENT_CA_FILE cannot be read: No such file"),
    ],
)
def test_a_file_of_no_use_is_an_error_at_the_start_and_later_changes_nothing(
    files: Files, file: str, content: bytes | None, reason: str
) -> None:
    said: list[str] = []
    server = served(files, said)
    if content is None:
        (files.folder / file).unlink()
    else:
        (files.folder / file).write_bytes(content)

    for _ in range(2):
        with handshake(server, unverified(files, files.clients.client())) as connection:
            assert is_known(connection)
    [sentence] = said
    assert sentence.startswith(reason)
    assert sentence.endswith("; what it held before stays valid")
    with pytest.raises(UnusableFile) as refused:
        ServerCertificate(
            files.folder / "tls.crt", files.folder / "tls.key", files.client_ca, said.append
        )
    assert str(refused.value).startswith(reason)


def test_a_key_that_comes_after_its_certificate_is_waited_for(files: Files) -> None:
    said: list[str] = []
    server = served(files, said)
    new = Files(files.folder, clients=files.clients)
    pair = new.authority.server()
    (files.folder / "tls.crt").write_bytes(pair.certificate)

    with handshake(server, unverified(files)):
        assert len(said) == 1
    (files.folder / "tls.key").write_bytes(pair.key)
    with handshake(server, unverified(new)):
        assert len(said) == 1

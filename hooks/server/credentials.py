"""Who may ask the hooks, and who answers: tokens and certificates, replaced while it runs.

A credential that only a restart can change is never changed. So a file is looked at again when it
was replaced, and one that cannot be used then is logged and changes nothing: a mistake in a
rotation must not lock Metacontroller out. A token appears in no message of this module.
"""

import hmac
import socket
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeAlias, TypeVar

_Read = TypeVar("_Read")
_LONGEST_TOKEN: Final = 4000
"""With its name and scheme, a header that hooks/gunicorn.conf.py lets in."""

_State: TypeAlias = tuple[int, int, int] | None


class UnusableFile(ValueError):
    """A file that holds no usable credential; the message names the setting and the reason."""


class Reread(Generic[_Read]):
    """What `read` makes of some files, made again once one of them was replaced.

    `read` raises UnusableFile. The first time that is an error; later `complain` gets one
    sentence, once for each replacement, and what was there before stays.
    """

    def __init__(
        self,
        read: Callable[[], _Read],
        files: Sequence[Path],
        complain: Callable[[str], None],
    ) -> None:
        self._read = read
        self._files = tuple(files)
        self._complain = complain
        self._states = self._look()
        self._current = read()

    def current(self) -> _Read:
        """What the files say now, or said when they could last be used."""
        states = self._look()
        if states != self._states:
            # Noted before the files are read: what is written meanwhile is a change of its own.
            self._states = states
            try:
                self._current = self._read()
            except UnusableFile as unusable:
                self._complain(f"{unusable}; what it held before stays valid")
        return self._current

    def _look(self) -> tuple[_State, ...]:
        return tuple(map(_state, self._files))


def _state(file: Path) -> _State:
    # A mounted Secret is replaced by turning a symbolic link: the inode tells that, too.
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


class BearerTokens:
    """The tokens of a file, one a line. All are valid: the next can come before the last goes.

    Raises UnusableFile where the file is of no use at the start.
    """

    def __init__(self, file: Path, complain: Callable[[str], None]) -> None:
        self._tokens = Reread(lambda: _tokens(file), [file], complain)

    def allow(self, authorization: str) -> bool:
        """Whether an Authorization header, as WSGI gives it, holds one of the tokens."""
        scheme, _, said = authorization.strip().partition(" ")
        token = said.strip().encode("latin-1", "replace")
        # Each is compared, and each in constant time: how long it takes tells nothing of a token.
        matches = [hmac.compare_digest(token, valid) for valid in self._tokens.current()]
        return scheme.lower() == "bearer" and any(matches)


class ServerCertificate:
    """TLS with the certificate and key of two files, and with the CA of the clients' certificates.

    Offers what gunicorn asks a context for. Where there is a CA, a client's certificate that it did
    not sign ends the handshake; a client without one gets through it, because a kubelet has none,
    and is distinguished by `is_known`. Raises UnusableFile where a file is of no use at the start.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        client_ca: Path | None,
        complain: Callable[[str], None],
    ) -> None:
        files = [certificate, key] + ([client_ca] if client_ca else [])
        self._context = Reread(lambda: _context(certificate, key, client_ca), files, complain)

    def wrap_socket(self, connection: socket.socket, *, server_side: bool) -> ssl.SSLSocket:
        """A connection under TLS, whose handshake is still to be done."""
        return self._context.current().wrap_socket(
            # Done by who can wait for it: a client may be slow here, too.
            connection,
            server_side=server_side,
            do_handshake_on_connect=False,
        )


def is_known(connection: object) -> bool:
    """Whether a connection is under TLS and its client has shown a certificate of the CA."""
    return isinstance(connection, ssl.SSLSocket) and bool(connection.getpeercert())


def _context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    setting = "TLS_CERTIFICATE_FILE with TLS_KEY_FILE"
    try:
        # A password, so that a key that needs one is refused, and none is asked for on a terminal.
        context.load_cert_chain(certificate, key, password="")
        if client_ca:
            setting = "CLIENT_CA_FILE"
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
    except ssl.SSLError as error:
        raise UnusableFile(f"{setting} cannot be used: {error.reason or 'no PEM'}") from None
    except OSError as error:
        raise UnusableFile(f"{setting} cannot be read: {error.strerror}") from None
    return context


def _tokens(file: Path) -> tuple[bytes, ...]:
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise UnusableFile(f"BEARER_TOKEN_FILE cannot be read: {error.strerror}") from None
    tokens = tuple(line.strip() for line in lines if line.strip())
    if not tokens:
        raise UnusableFile("BEARER_TOKEN_FILE holds no token")
    for number, token in enumerate(tokens, start=1):
        # No header could carry it; more likely it is not the file that was meant.
        if not all(0x21 <= byte <= 0x7E for byte in token):  # noqa: PLR2004 - ! to ~ in ASCII
            raise UnusableFile(
                f"BEARER_TOKEN_FILE: token {number} has characters other than visible ASCII"
            )
        if len(token) > _LONGEST_TOKEN:
            raise UnusableFile(
                f"BEARER_TOKEN_FILE: token {number} has more than {_LONGEST_TOKEN:,} characters"
            )
    return tokens

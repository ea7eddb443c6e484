"""An authority whose key exists only while it signs, and what it signs."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK: Final = ("127.0.0.1",)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Put both into a folder, under the names that a Secret of type kubernetes.io/tls has."""
        files = folder / "tls.crt", folder / "tls.key"
        for file, content in zip(files, (self.certificate, self.key), strict=True):
            successor = file.with_suffix(".next")
            successor.touch(mode=0o600)
            successor.write_bytes(content)
            successor.replace(file)
        return files


class Authority:
    """Somebody who signs certificates for some days; two of the same name are two."""

    def __init__(self, name: str = "tests", days: int = 1) -> None:
        self._days = days
        self._key = ec.generate_private_key(ec.SECP256R1())
        # Which of two authorities of one name has signed, only this tells.
        self._identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(self._identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = signed.public_bytes(serialization.Encoding.PEM)

    def write(self, file: Path) -> Path:
        """Put the certificate by which others know what was signed here into a file."""
        file.write_bytes(self.certificate)
        return file

    def server(self, hosts: Sequence[str] = LOOPBACK) -> Pair:
        """A pair for a server that is known by these names and addresses."""
        return self._sign("hook", ExtendedKeyUsageOID.SERVER_AUTH, hosts)

    def client(self) -> Pair:
        """A pair for a client."""
        return self._sign("metacontroller", ExtendedKeyUsageOID.CLIENT_AUTH, LOOPBACK)

    def _sign(self, name: str, usage: x509.ObjectIdentifier, hosts: Sequence[str]) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = (
            self._builder(subject, key.public_key())
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identifier),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(map(_general_name, hosts)), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Pair(
            signed.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            # Clocks of two machines may differ a little.
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=self._days))
        )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)

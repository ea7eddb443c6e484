"""Certificates for the hook: `make certs` makes what metacontroller/components/tls installs."""

from tools.certificates.authority import Authority, Pair

__all__ = ["Authority", "Pair"]

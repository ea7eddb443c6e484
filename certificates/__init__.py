"""Certificates for the hook: `make certs` makes what metacontroller/components/tls installs."""

from certificates.authority import Authority, Pair

__all__ = ["Authority", "Pair"]

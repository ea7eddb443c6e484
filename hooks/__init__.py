"""The hook service that answers Metacontroller for ConfigMapSyncers."""

__version__ = "0.1.0"

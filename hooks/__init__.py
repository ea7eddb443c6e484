"""The hook service that answers Metacontroller for ConfigMapSyncers."""

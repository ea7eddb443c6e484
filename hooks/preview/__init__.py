"""The offline run: Metacontroller and an API server in memory, asking the real hook."""

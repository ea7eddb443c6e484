"""The offline run: what it says of Kubernetes and of Metacontroller, and its command."""

"""What Metacontroller and Kubernetes send and take: types, names, options and text."""

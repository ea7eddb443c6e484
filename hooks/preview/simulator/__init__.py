"""An API server and Metacontroller in memory, which ask the real service."""

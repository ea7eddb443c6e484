"""The status of a ConfigMapSyncer: what it says, and what the last one said."""

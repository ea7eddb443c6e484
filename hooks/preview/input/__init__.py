"""What the preview reads: files of manifests, and where in them everything stands."""

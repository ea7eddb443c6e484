"""The command line: `python -m hooks`, the image, and the plugin `kubectl cmsync`."""

"""The recipes of CONTRIBUTING.md, followed on copies of the project by `make test-long`."""

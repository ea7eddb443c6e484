"""The recipes of CONTRIBUTING.md, followed on copies of the project by `make test-long`.

A module follows one recipe, or two that are short, so that several processes share the work.
"""

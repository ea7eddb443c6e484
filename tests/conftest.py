"""How every test of laws is run."""

from hypothesis import settings

# The same examples every time: a red run must be red again, and a green one green. No deadline:
# how long an example takes says how busy the machine is.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")

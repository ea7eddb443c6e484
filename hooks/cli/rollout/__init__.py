"""The command `rollout`: see what a staged rollout does, and say how it goes on."""

"""Staged rollouts: which revision each target is to hold, and when the next stage begins."""

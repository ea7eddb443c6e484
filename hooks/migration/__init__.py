"""The way over from other tools: what they copy, as syncers, with the steps in order."""

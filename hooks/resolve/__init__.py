"""Where the copies belong and what they hold: targets, consents, and the source's content."""

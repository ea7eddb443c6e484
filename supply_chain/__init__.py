"""What the project is built from: the list of it for others, and what is known against it."""

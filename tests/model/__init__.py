"""A model of what is promised, and random histories in which the product is held against it."""

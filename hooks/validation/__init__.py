"""Whether a content satisfies the rules of spec.validation, with bounded work."""

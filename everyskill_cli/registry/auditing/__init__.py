"""Whether a registry is what it was: verify it, and take out what must go."""

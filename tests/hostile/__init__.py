"""A hostile web of our own on loopback: origins that misbehave on purpose, names that lie, and what watches over us."""

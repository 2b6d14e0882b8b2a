"""Runs candidate programs in isolated processes and returns what they drew as a `Scene`. Never imports JAX."""

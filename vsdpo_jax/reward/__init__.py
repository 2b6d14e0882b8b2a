"""Scores of rendered scenes. Never imports JAX."""

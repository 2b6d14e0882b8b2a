"""Defects of a `Scene`, the statements that caused them, and the words for the teacher. Never imports JAX."""

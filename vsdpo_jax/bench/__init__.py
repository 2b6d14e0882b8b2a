"""Measurements of the package against its alternatives, each pair in one run on one machine."""

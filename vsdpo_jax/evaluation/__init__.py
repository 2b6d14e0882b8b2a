"""Benchmarks of the paper: examples and predictions in, tables, `scores.json` and a gallery out."""

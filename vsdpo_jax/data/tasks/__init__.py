"""Embedded, generated tasks: everything that is needed to train and evaluate without a download."""

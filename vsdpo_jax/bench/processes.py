"""Processor time of this process's descendants, so that other work on the machine disturbs little."""

from __future__ import annotations

import os

from vsdpo_jax.render import usage


def processor_seconds() -> float:
    """Processor time of all descendants of this process, and of those of their children that have ended."""
    return sum(map(usage.seconds, usage.descendants(os.getpid())))

"""Processor time of this process's descendants, read from /proc, so that other work on the machine disturbs little."""

from __future__ import annotations

import os


def processor_seconds() -> float:
    """Processor time of all descendants of this process, those that have ended and been waited for included."""
    return sum(_spent(process) for process in _descendants(os.getpid())) / os.sysconf("SC_CLK_TCK")


def _spent(process: int) -> int:
    try:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return sum(int(value) for value in fields[11:15])


def _descendants(process: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{process}/task")
        for thread in threads:
            with open(f"/proc/{process}/task/{thread}/children") as file:
                for child in map(int, file.read().split()):
                    found += [child, *_descendants(child)]
    except FileNotFoundError:
        # It ended while being looked at.
        return found
    return found

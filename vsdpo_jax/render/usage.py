"""What processes use, read from /proc: processor time, which a busy machine cannot take away as it does wall time."""

from __future__ import annotations

import os


def tree_seconds(process: int) -> float:
    """Processor time of a process and of all its descendants."""
    return sum(map(seconds, [process, *descendants(process)]))


def seconds(process: int) -> float:
    """Processor time of a process and of those of its children that have ended; 0 once it is gone."""
    try:
        with open(f"/proc/{process}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(value) for value in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def tree_memory(process: int) -> int:
    """Bytes of memory of a process and of all its descendants, without the files that they have mapped."""
    return sum(map(_memory, [process, *descendants(process)]))


def _memory(process: int) -> int:
    try:
        with open(f"/proc/{process}/status") as file:
            rows = dict(line.split(":", 1) for line in file)
    except OSError:
        return 0
    # A process that is on its way out has no memory any more.
    return sum(1024 * int(rows.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssShmem"))


def descendants(process: int) -> list[int]:
    """Ids of the processes that a process started, directly or not, as far as they still exist."""
    found: list[int] = []
    for child in children(process):
        found += [child, *descendants(child)]
    return found


def children(process: int) -> list[int]:
    """Ids of the processes whose parent a process is, those included that nobody has waited for."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except OSError:
        # It ended while being looked at.
        return found
    return found

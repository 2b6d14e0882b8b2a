"""The process tree below a process, read from /proc."""

import os
import time
from pathlib import Path


def tree(root: int | None = None) -> dict[int, str]:
    """Process id -> command line of all that `root` (this process by default) started, directly or not."""
    parents, commands = {}, {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text()
            commands[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    below, added = {root or os.getpid()}, True
    while added:
        added = {process for process, parent in parents.items() if parent in below} - below
        below |= added
    below.discard(root or os.getpid())
    return {process: commands[process] for process in below if process in commands}


def named(part: str, root: int | None = None) -> list[int]:
    """Processes below `root` whose command line holds `part`; a forked job has that of its worker."""
    return sorted(process for process, command in tree(root).items() if part in command)


def wait_for(condition, seconds: float = 60.0):
    """The first true value of `condition()`; fails the test when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {condition}")


def gone(processes) -> bool:
    """Whether none of the processes exists any more, not even as a zombie."""
    return not any(os.path.exists(f"/proc/{process}") for process in processes)

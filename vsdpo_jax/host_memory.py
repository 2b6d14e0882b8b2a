"""Memory of the host that a process holds without using it."""

from __future__ import annotations

import ctypes
import sys


def return_freed_memory() -> bool:
    """Gives memory that was freed but kept by the allocator back to the system; False where that is not possible.

    A compilation leaves more than it compiles for behind in this way: 1.1 GB after the update of a model of 6 M
    parameters on a CPU. It takes milliseconds with glibc; other C libraries do not have the call.
    """
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))

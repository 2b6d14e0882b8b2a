"""What a process holds after memory was freed."""

import subprocess
import sys

PROGRAM = """
import ctypes, re
from vsdpo_jax.host_memory import return_freed_memory

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
# Blocks too small for a mapping of their own, and a last one that keeps the heap from shrinking by itself.
blocks = [libc.malloc(64 << 10) for _ in range(3200)]
for block in blocks:
    ctypes.memset(block, 1, 64 << 10)
last = libc.malloc(64 << 10)
for block in blocks:
    libc.free(block)
before = resident()
print(return_freed_memory(), before - resident())
"""


def test_freed_blocks_go_back_to_the_system():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    returned, megabytes = done.stdout.split()
    assert returned == "True"
    # 200 MB were freed.
    assert int(megabytes) > 150

"""Namespaces for a whole worker, where the kernel gives them: no network devices, no shared memory of others.

A bonus beside Landlock and seccomp, which need neither root nor namespaces: containers often forbid them.
"""

from __future__ import annotations

import ctypes
import os

_NEW_UTS, _NEW_IPC, _NEW_USER, _NEW_NET = 0x04000000, 0x08000000, 0x10000000, 0x40000000
_library = ctypes.CDLL(None, use_errno=True)


def enter() -> bool:
    """Moves this process, and all that it will start, into network, IPC and UTS namespaces of its own.

    Without root they belong to a user namespace in which the user stays who he is. Tried in a child first, so that a
    kernel that stops half-way leaves this process as it was. Call before the process has threads.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _unshare()
            code = 0
        finally:
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        return False
    _unshare()
    return True


def _unshare() -> None:
    flags = _NEW_UTS | _NEW_IPC | _NEW_NET
    user, group = os.geteuid(), os.getegid()
    if user != 0:
        flags |= _NEW_USER
    if _library.unshare(ctypes.c_int(flags)):
        raise OSError(ctypes.get_errno(), "unshare: " + os.strerror(ctypes.get_errno()))
    if user != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)

"""A seccomp filter as classic BPF, built with the standard library only.

Every call on the list fails with EPERM; `clone3` fails with ENOSYS, so that the C library falls back to `clone`, whose
flags a filter can read: threads are allowed, processes are not. Calls that take a process id are allowed for the
calling process only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

from vsdpo_jax.render import syscalls

_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2

# Position of the argument that names another process; 0 there means the caller.
_PROCESS_ARGUMENT = {
    "sched_setparam": 0,
    "sched_setscheduler": 0,
    "sched_setaffinity": 0,
    "sched_setattr": 0,
}


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def supported() -> bool:
    """Whether there is a table for this architecture and the kernel knows seccomp filters."""
    return platform.machine() in syscalls.TABLES and os.path.exists("/proc/sys/kernel/seccomp/actions_avail")


def job_filter(process: int) -> bytes:
    """The filter for the render job with process id `process`."""
    table = syscalls.TABLES[platform.machine()]
    code = _prologue(platform.machine())
    for name, number in table.items():
        code += _rule(name, number, process)
    code += [_statement(_RETURN, _ALLOW)]
    return b"".join(code)


def socket_filter() -> bytes:
    """A filter that refuses internet (and packet, netlink, …) sockets and leaves Unix sockets, for browsers."""
    table = syscalls.TABLES[platform.machine()]
    code = _prologue(platform.machine())
    body = [_load_argument(0), _jump(_JUMP_EQUAL, 1, 1, 0), _statement(_RETURN, _ERRNO | errno.EACCES)]
    code += _guarded(table["socket"], [*body, _statement(_RETURN, _ALLOW)])
    for name in ("ptrace", "process_vm_writev", "io_uring_setup", "bpf", "keyctl", "add_key", "mount", "kexec_load"):
        code += _guarded(table[name], [_statement(_RETURN, _ERRNO | errno.EPERM)])
    return b"".join([*code, _statement(_RETURN, _ALLOW)])


def install(code: bytes) -> None:
    """Puts the calling thread, and all that it starts, under the filter for good.

    Raises:
      OSError: the kernel refused.
    """
    library = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or library.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "seccomp: " + os.strerror(ctypes.get_errno()))


def _prologue(machine: str) -> list[bytes]:
    architecture = syscalls.AUDIT_ARCHITECTURE[machine]
    code = [
        _statement(_LOAD, _ARCHITECTURE),
        _jump(_JUMP_EQUAL, architecture, 1, 0),
        _statement(_RETURN, _KILL),
        _statement(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        code += [_jump(_JUMP_GREATER_EQUAL, _X32, 0, 1), _statement(_RETURN, _ERRNO | errno.ENOSYS)]
    return code


def _rule(name: str, number: int, process: int) -> list[bytes]:
    deny, allow = _statement(_RETURN, _ERRNO | errno.EPERM), _statement(_RETURN, _ALLOW)
    if name == "clone3":
        return _guarded(number, [_statement(_RETURN, _ERRNO | errno.ENOSYS)])
    if name == "clone":
        return _guarded(number, [_load_argument(0), _jump(_JUMP_BITS, _CLONE_THREAD, 1, 0), deny, allow])
    if name == "tgkill":
        return _guarded(number, [_load_argument(0), _jump(_JUMP_EQUAL, process, 1, 0), deny, allow])
    if name == "prlimit64":
        # Reading the own limits (no new limit, argument 2) is all that a job needs.
        return _guarded(
            number,
            [
                *(_load_argument(0), _jump(_JUMP_EQUAL, 0, 2, 0), _jump(_JUMP_EQUAL, process, 1, 0), deny),
                *(_load_argument(2), _jump(_JUMP_EQUAL, 0, 1, 0), deny),
                *(_load_argument(2, high=True), _jump(_JUMP_EQUAL, 0, 1, 0), deny, allow),
            ],
        )
    if name == "prctl":
        return _guarded(number, [_load_argument(0), _jump(_JUMP_EQUAL, _PR_SET_PDEATHSIG, 0, 1), deny, allow])
    if name in _PROCESS_ARGUMENT:
        return _guarded(number, [_load_argument(_PROCESS_ARGUMENT[name]), _jump(_JUMP_EQUAL, 0, 1, 0), deny, allow])
    return _guarded(number, [deny])


def _guarded(number: int, body: list[bytes]) -> list[bytes]:
    return [_jump(_JUMP_EQUAL, number, 0, len(body)), *body]


def _load_argument(index: int, high: bool = False) -> bytes:
    return _statement(_LOAD, _ARGUMENTS + 8 * index + (4 if high else 0))


def _statement(code: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, 0, 0, value)


def _jump(code: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)

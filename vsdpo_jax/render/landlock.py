"""Landlock: which files a process may still open.

Standard library only; the system call numbers are the same on every architecture.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_TRUNCATE = 1 << 14
# Rights known to each ABI: 13 in the first, then REFER, TRUNCATE, (network in 4), IOCTL_DEV.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK_RIGHTS = 3
_SCOPES = 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_READ_WRITE_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE
_WORK = _READ_FILE | _READ_DIR | _WRITE_FILE | _TRUNCATE | _REMOVE_FILE | _REMOVE_DIR | _MAKE_REG | _MAKE_DIR

_library = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The ABI version of the running kernel, 0 where Landlock is missing or switched off."""
    return max(0, _library.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG)))


def ruleset(read: Iterable[str], write: Iterable[str], *, browser: bool = False) -> int:
    """Makes a rule set and returns its descriptor.

    Args:
      read: files and folders that stay readable (and executable); those that do not exist are left out.
      write: folders in which files may be made, changed and removed, and single files that may be written.
      browser: all rights in the folders of `write`, and no limits on signals and abstract Unix sockets, which the
        processes of a browser use among themselves.

    Raises:
      OSError: the kernel refused, with the path in question.
    """
    abi = version()
    handled = _FILE_RIGHTS[min(abi, 5)]
    attributes = struct.pack("=Q", handled)
    if abi >= 4:
        attributes += struct.pack("=Q", _NETWORK_RIGHTS)
    if abi >= 6:
        attributes += struct.pack("=Q", 0 if browser else _SCOPES)
    descriptor = _library.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "landlock: " + os.strerror(ctypes.get_errno()))
    for path in read:
        _allow(descriptor, path, _READ & handled)
    for path in write:
        work = handled if browser else _WORK & handled
        _allow(descriptor, path, work if os.path.isdir(path) else _READ_WRITE_FILE & handled)
    return descriptor


def restrict(descriptor: int) -> None:
    """Puts the calling thread, and all that it starts, under the rule set for good."""
    if _library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _library.syscall(
        _RESTRICT_SELF, ctypes.c_int(descriptor), ctypes.c_uint32(0)
    ):
        raise OSError(ctypes.get_errno(), "landlock: " + os.strerror(ctypes.get_errno()))


def _allow(ruleset_descriptor: int, path: str, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= ~(_READ_DIR | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG)
        rule = struct.pack("=Qi", rights, parent)
        if _library.syscall(_ADD_RULE, ctypes.c_int(ruleset_descriptor), _PATH_BENEATH, rule, ctypes.c_uint32(0)):
            raise OSError(ctypes.get_errno(), f"landlock: {os.strerror(ctypes.get_errno())}: {path}")
    finally:
        os.close(parent)

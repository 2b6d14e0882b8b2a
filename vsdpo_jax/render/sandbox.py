"""Turns a freshly forked process into one that cannot harm its machine, without root and without namespaces.

Layers, each probed once at the start of a worker (`probe`) instead of assumed:
  session     own session, so that no terminal and no process group is shared; killed when its parent dies
  capabilities dropped, for workers that run as root
  rlimits     processor time, address space, file size, open files, no core dump
  landlock    reads the interpreter, its packages and the fonts; writes its own folder; signals only to itself
  namespaces  no network devices, no shared memory of others; for the whole worker, where the kernel allows it
  seccomp     no processes, no programs, no sockets, no signals to others, no mounts, no changes of rights
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import resource
import signal
import struct
import sys
import sysconfig

from vsdpo_jax.render import landlock, seccomp
from vsdpo_jax.render.limits import RenderLimits

_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP = 1, 24
_CAPABILITY_VERSION = 0x20080522
_library = ctypes.CDLL(None, use_errno=True)

SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", "/etc/fonts", "/etc/localtime", "/etc/ld.so.cache")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/dev/full")


@dataclasses.dataclass(frozen=True)
class Layers:
    """What this kernel offers. `missing` names the layers that are not there; namespaces are a bonus and not missed."""

    landlock: int
    seccomp: bool
    namespaces: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the layers that the kernel does not offer."""
        return tuple(name for name, there in (("landlock", self.landlock > 0), ("seccomp", self.seccomp)) if not there)


def probe(namespaced: bool = False) -> Layers:
    """Asks the kernel which layers it has; `namespaced`: whether the worker has entered namespaces of its own."""
    return Layers(landlock.version(), seccomp.supported(), namespaced)


def readable_folders() -> list[str]:
    """Folders that a Python program needs to run: the interpreter, its packages, the fonts."""
    folders = [*SYSTEM_FOLDERS, sys.prefix, sys.base_prefix, sysconfig.get_path("purelib")]
    folders += [os.path.dirname(os.path.realpath(sys.executable))]
    folders += [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    folders += [os.path.expanduser("~/.fonts"), os.path.expanduser("~/.local/share/fonts")]
    return sorted({folder for folder in folders if folder and folder != "/" and os.path.isabs(folder)})


class Sandbox:
    """The isolation of the jobs of one worker; made once, entered by every forked job.

    Args:
      layers: what `probe` found.
      folder: the folder that a job may write to.
      read: folders that a job may read.
      limits: of each job.

    Raises:
      OSError: a layer that the kernel offers could not be set up.
    """

    def __init__(self, layers: Layers, folder: str, read: list[str], limits: RenderLimits):
        self.layers = layers
        self.limits = limits
        self._rules = landlock.ruleset(read, [folder, *DEVICES]) if layers.landlock else None

    def enter(self, parent: int, keep: int) -> None:
        """Locks the calling process in. Called in the child, once; only descriptor `keep` stays open.

        Args:
          parent: process id of the worker; the job dies with it.
          keep: the descriptor that the answer is written to.

        Raises:
          OSError: a layer could not be entered.
        """
        os.setsid()
        die_with(parent)
        if self._rules is not None:
            landlock.restrict(self._rules)
        _silence(keep)
        _limit(self.limits)
        drop_capabilities()
        if self.layers.seccomp:
            seccomp.install(seccomp.job_filter(os.getpid()))


def die_with(parent: int) -> None:
    """The calling process is killed when the thread of process `parent` that started it ends."""
    _library.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def spare_others() -> None:
    """When the machine runs out of memory, the calling process and all that it will start go first."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("800")


def drop_capabilities() -> None:
    """Gives up all capabilities, so that root inside is no more than the owner of its files."""
    for capability in range(64):
        if _library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
            break
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    _library.capset(header, bytes(24))


def _silence(keep: int) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    first, last = 3, os.sysconf("SC_OPEN_MAX")
    os.closerange(first, keep)
    os.closerange(keep + 1, min(last, 1 << 20))


def _limit(limits: RenderLimits) -> None:
    for name, soft, hard in (
        ("RLIMIT_CPU", limits.cpu_seconds, limits.cpu_seconds + 1),
        ("RLIMIT_AS", limits.memory_bytes, limits.memory_bytes),
        ("RLIMIT_FSIZE", limits.file_bytes, limits.file_bytes),
        ("RLIMIT_NOFILE", 64, 64),
        ("RLIMIT_CORE", 0, 0),
        ("RLIMIT_STACK", 16 << 20, 16 << 20),
    ):
        _, ceiling = resource.getrlimit(getattr(resource, name))
        hard = hard if ceiling == resource.RLIM_INFINITY else min(hard, ceiling)
        resource.setrlimit(getattr(resource, name), (min(soft, hard), hard))

"""Several hosts as one run: each executes this same program with the devices and the render farm that it has.

A host draws, renders and grades its own prompts; devices exchange arrays in collectives, and hosts exchange figures and
decisions here. Whatever decides what is computed next must be the same on all of them (`of_first`, `any_of`): a host
that leaves out a collective stops all others. With one host everything here is the identity.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import TypeVar

import jax
import numpy as np

from vsdpo_jax.errors import UserError
from vsdpo_jax.host_link import HostLink, accept, connect, listen

T = TypeVar("T")

ONE, AUTO = "one", "auto"
_EXPLICIT = re.compile(r"(?P<address>[^,]+:\d+),(?P<count>\d+),(?P<index>\d+)")
# Of the run's own key and of what is sent around at the start.
_KEY_BYTES, _INTRODUCTION_BYTES = 32, 320
# Seconds that an error of the devices waits for the news that a host is gone, which explains it.
_EXPLANATION = 15.0
# Seconds for which a host that has finished waits for the others, of which the first writes the report.
_SHUTDOWN = 60

_link: HostLink | None = None


@contextlib.contextmanager
def together(where: str) -> Iterator[None]:
    """The run's hosts, while this is open. Enter it before anything touches a device.

    When the process of one host ends in an error, or hangs, all others print one line and exit with status 1.

    Args:
      where: `one`: this host alone. `auto`: those that `jax.distributed` finds (the hosts of a TPU slice, Slurm, …).
        `ADDRESS:PORT,COUNT,INDEX`: COUNT hosts, this one is INDEX, and ADDRESS:PORT is free on the first.

    Raises:
      UserError: `where` is none of these, or the hosts do not find each other.
    """
    global _link
    if where == ONE:
        yield
        return
    _start_jax(where)
    if jax.process_count() == 1:
        yield
        return
    _link = _connect()
    try:
        yield
    except BaseException as error:
        _leave_with(error)
        raise
    else:
        _link.close()
    finally:
        _link = None


def _leave_with(error: BaseException) -> None:
    """Ends this process as its entry point would, but without waiting for the other hosts, which end for its sake."""
    if isinstance(error, SystemExit) and not error.code:
        _link.close()
        return
    status = 1
    if isinstance(error, UserError):
        print(f"error: {error}", file=sys.stderr)
        status = 2
    elif isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else 1
    else:
        if isinstance(error, RuntimeError | ValueError):
            # A collective fails where a host is gone: who it was is told, and this process ended, by the link.
            time.sleep(_EXPLANATION)
        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()
    _link.drop()
    os._exit(status)


def count() -> int:
    """How many hosts there are."""
    return jax.process_count()


def index() -> int:
    """Which of them this is."""
    return jax.process_index()


def is_first() -> bool:
    """Whether this host writes what the run writes once."""
    return jax.process_index() == 0


def gather(value: T) -> list[T]:
    """The values of all hosts, in their order; every host must call it."""
    return [value] if _link is None else _link.gather(value)


def of_first(value: T) -> T:
    """The first host's value."""
    return gather(value)[0]


def any_of(value: bool) -> bool:
    """Whether it is true on any host."""
    return any(gather(value))


def total(counts: dict[str, float]) -> dict[str, float]:
    """The sums over all hosts."""
    found = gather(counts)
    return {name: sum(part[name] for part in found) for name in counts}


def own(items: Sequence[T]) -> Sequence[T]:
    """This host's part of what all hosts share out: as many consecutive ones for each.

    Raises:
      UserError: they cannot be shared out evenly.
    """
    if len(items) % count():
        raise UserError(f"{len(items)} rows cannot be shared out to {count()} hosts: use a multiple of that")
    size = len(items) // count()
    return items[index() * size : (index() + 1) * size]


def _start_jax(where: str) -> None:
    found = _EXPLICIT.fullmatch(where)
    if where != AUTO and not found:
        raise UserError(f"--hosts={where!r} is neither {ONE}, {AUTO} nor ADDRESS:PORT,COUNT,INDEX")
    # SIGTERM is this program's own: see `preemption`.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        if found:
            jax.distributed.initialize(
                found["address"],
                int(found["count"]),
                int(found["index"]),
                cluster_detection_method="deactivate",
                shutdown_timeout_seconds=_SHUTDOWN,
            )
        else:
            jax.distributed.initialize(shutdown_timeout_seconds=_SHUTDOWN)
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"--hosts={where}: the hosts do not find each other: {reason}") from error


def _connect() -> HostLink:
    from jax.experimental import multihost_utils

    key, listener = b"", None
    introduction = b""
    if is_first():
        key = secrets.token_bytes(_KEY_BYTES)
        listener = listen(key)
        introduction = key + f"{_address()}:{listener.address[1]}".encode()
    padded = np.frombuffer(introduction.ljust(_INTRODUCTION_BYTES, b"\0"), np.uint8)
    # The one message that goes by the devices: it tells where the first host listens.
    told = np.asarray(multihost_utils.broadcast_one_to_all(padded)).tobytes()
    if listener is not None:
        return accept(listener, count(), _end)
    address, _, port = told[_KEY_BYTES:].rstrip(b"\0").decode().rpartition(":")
    return connect(address, int(port), told[:_KEY_BYTES], index(), _end)


def _address() -> str:
    """Where other hosts reach this one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: it asks which of this host's addresses leads out.
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def _end(gone: int) -> None:
    message = f"error: host {gone} of {count()} has ended or does not answer; see its output, then start all again"
    print(f"\n{message} to resume from the newest checkpoint", file=sys.stderr, flush=True)
    # The main thread may wait for ever in a collective that the other host will not join.
    os._exit(1)

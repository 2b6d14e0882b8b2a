"""Leaving in time: on SIGTERM the run is saved at once, whatever the main thread is doing, and ends with status 0.

A step of a large model takes longer than the 30 seconds that a preempted TPU VM is given, and Python runs signal
handlers only between its own instructions, so neither the end of the step nor a handler can be waited for. The signal
is read from a file descriptor by a thread, which saves the last finished step.

With several hosts saving is a thing that all do together, so there the signal only makes the main threads of all agree,
where they next ask, to save the same step and leave.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator

# Seconds that the main thread is given to leave by itself once everything is saved.
PATIENCE = 5.0


class Preemption:
    """Watches for SIGTERM; a context manager, to be entered by the main thread.

    Nothing is lost but the step in progress, which a resumed run makes again from the same random numbers.

    Args:
      agree: with several hosts: whether it is true on any of them, asked by all at the same places; else None.
    """

    def __init__(self, agree: Callable[[bool], bool] | None = None):
        self._agree = agree
        self._save: Callable[[], str] | None = None
        self._busy = threading.Lock()
        self._called, self._saved = threading.Event(), threading.Event()
        self._status = 1

    def __enter__(self) -> Preemption:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._previous = signal.signal(signal.SIGTERM, lambda *_: None)
        self._previous_descriptor = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="preemption", daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        signal.set_wakeup_fd(self._previous_descriptor)
        signal.signal(signal.SIGTERM, self._previous)
        self._writer.close()

    def on_signal(self, save: Callable[[], str]) -> None:
        """From now on `save` is called when the signal comes; it returns what to tell the user.

        It is called by another thread, or with several hosts by the main thread.
        """
        self._save = save

    @contextlib.contextmanager
    def undisturbed(self) -> Iterator[None]:
        """While this is open nothing is saved: for the time in which there is no whole state."""
        with self._busy:
            yield

    def leave_if_called(self) -> None:
        """Ends the run if the signal has come; called by the main thread wherever it can leave.

        Raises:
          SystemExit: with status 0, or 1 if the run could not be saved.
        """
        if self._agree is not None:
            if self._agree(self._called.is_set()):
                print(f"\n{self._message()}", file=sys.stderr, flush=True)
                raise SystemExit(0)
        elif self._called.is_set():
            self._saved.wait()
            raise SystemExit(self._status)

    def _watch(self) -> None:
        while received := self._reader.recv(1):
            if received[0] == signal.SIGTERM:
                self._called.set()
                if self._agree is None:
                    break
        else:
            self._reader.close()
            return
        try:
            with self._busy:
                message = self._message()
            print(f"\n{message}", file=sys.stderr, flush=True)
            self._status = 0
        except Exception:  # Whatever it is, this process has to end now, and to say why.
            traceback.print_exc()
        finally:
            self._saved.set()
            # The main thread may be inside a computation that lasts for minutes.
            threading.Event().wait(PATIENCE)
            os._exit(self._status)

    def _message(self) -> str:
        return self._save() if self._save else "stopped by a signal before the first step"

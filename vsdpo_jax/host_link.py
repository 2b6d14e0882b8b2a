"""How the hosts of a run talk to each other beside the devices: values exchanged by all, and the news that one is gone.

A star of TCP connections around the first host, authenticated by a key that only the run knows. Values do not wait for
what the devices are computing, as a collective would. A host whose process has ended closes its connection, and one
that hangs falls silent: either way the others learn of it within a minute, where a collective would wait for ever.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any

# Seconds between signs of life, and after how many without one a host counts as gone.
BEAT = 5.0
SILENCE = 60.0
# Seconds for all hosts to connect.
PATIENCE = 300.0

_BEAT, _VALUE, _LEAVE, _LOST = "beat", "value", "leave", "lost"


class HostLink:
    """One host's end. Every host calls the same methods in the same order.

    Args:
      index: of this host.
      peers: connections by index: to all others on the first host, to the first (0) on every other.
      lost: called once, by a thread, with the index of a host that is gone.
    """

    def __init__(self, index: int, peers: dict[int, Connection], lost: Callable[[int], None]):
        self.index, self._peers, self._lost = index, peers, lost
        self._inbox: dict[int, queue.Queue] = {peer: queue.Queue() for peer in peers}
        self._sending = {peer: threading.Lock() for peer in peers}
        self._left: set[int] = set()
        self._closed, self._told = threading.Event(), threading.Lock()
        for peer in peers:
            threading.Thread(target=self._read, args=(peer,), name=f"host-{peer}", daemon=True).start()
        threading.Thread(target=self._beat, name="host-beat", daemon=True).start()

    def gather(self, value: Any) -> list[Any]:
        """The values of all hosts, in their order."""
        if self.index:
            self._send(0, (_VALUE, value))
            return self._inbox[0].get()
        values = [value, *(self._inbox[peer].get() for peer in sorted(self._peers))]
        for peer in self._peers:
            self._send(peer, (_VALUE, values))
        return values

    def close(self) -> None:
        """Says goodbye, so that the others do not take this host for lost."""
        self._closed.set()
        for peer, connection in self._peers.items():
            self._send(peer, (_LEAVE, self.index))
            connection.close()

    def drop(self) -> None:
        """Lets go without a word: this host's run has failed, and the others learn it at once."""
        self._closed.set()
        for connection in self._peers.values():
            connection.close()

    def _send(self, peer: int, message: tuple[str, Any]) -> None:
        # A connection that is broken is noticed, and told of, by the thread that reads from it.
        with self._sending[peer], contextlib.suppress(OSError):
            self._peers[peer].send(message)

    def _beat(self) -> None:
        while not self._closed.wait(BEAT):
            for peer in self._peers:
                if peer not in self._left:
                    self._send(peer, (_BEAT, None))

    def _read(self, peer: int) -> None:
        connection = self._peers[peer]
        try:
            while connection.poll(SILENCE):
                kind, value = connection.recv()
                if kind == _VALUE:
                    self._inbox[peer].put(value)
                elif kind == _LEAVE:
                    self._left.add(peer)
                    return
                elif kind == _LOST:
                    self._tell(value)
        except (OSError, EOFError, TypeError):  # TypeError: closed by this process in the middle of a call.
            pass
        if not self._closed.is_set():
            self._tell(peer)

    def _tell(self, gone: int) -> None:
        if not self._told.acquire(blocking=False):
            return
        for peer in self._peers:
            if peer != gone:
                self._send(peer, (_LOST, gone))
        self._lost(gone)


def listen(key: bytes) -> Listener:
    """A port for the first host; the others `connect` to it."""
    return Listener(("0.0.0.0", 0), backlog=1024, authkey=key)


def accept(listener: Listener, count: int, lost: Callable[[int], None]) -> HostLink:
    """The first host's end, once all others have connected; raises TimeoutError if they do not."""
    found: dict[int, Connection] = {}

    def wait() -> None:
        while len(found) < count - 1:
            with contextlib.suppress(AuthenticationError, OSError, EOFError):  # Somebody else knocked.
                connection = listener.accept()
                found[connection.recv()] = connection

    # Listener has no timeout of its own.
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if len(found) < count - 1:
        missing = sorted({*range(1, count)} - set(found))
        raise TimeoutError(f"hosts {missing} did not connect within {PATIENCE:g} s")
    listener.close()
    return HostLink(0, found, lost)


def connect(address: str, port: int, key: bytes, index: int, lost: Callable[[int], None]) -> HostLink:
    """Another host's end; raises OSError if the first host cannot be reached."""
    connection = Client((address, port), authkey=key)
    connection.send(index)
    return HostLink(index, {0: connection}, lost)

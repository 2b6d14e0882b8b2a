"""A port that nobody may call."""

from __future__ import annotations

import socket


class Canary:
    """Counts whoever calls a port of this machine, by TCP or UDP."""

    def __enter__(self) -> Canary:
        self.visits = 0
        self._tcp, self._udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        self._tcp.bind(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._udp.bind(("127.0.0.1", self.port))
        self._tcp.listen(64)
        self._tcp.setblocking(False)
        self._udp.setblocking(False)
        return self

    def __exit__(self, *exception: object) -> None:
        for one, take in ((self._tcp, self._tcp.accept), (self._udp, lambda: self._udp.recvfrom(99))):
            try:
                while take():
                    self.visits += 1
            except BlockingIOError:
                one.close()

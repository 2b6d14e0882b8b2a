"""Kills the processes of a farm at random, one at a time."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections import Counter

from tests.render.processes import tree

# What may be killed, by its command line, and how often in comparison. The worker of charts and its jobs share one.
SUPERVISOR, ZYGOTE, PAGES = (f"-m vsdpo_jax.render.{name}" for name in ("supervisor", "zygote", "web"))
TARGETS = {ZYGOTE: 4, PAGES: 2, "--type=renderer": 3, "--headless": 2, "playwright/driver": 1, SUPERVISOR: 1}
LATEST = 1.0


class Killer:
    """Kills a random worker, job, browser or supervisor among the processes that started after `before` was taken."""

    def __init__(self, before: set[int], seed: int):
        self.before, self.chance = before, random.Random(seed)
        self.kills: Counter[str] = Counter()
        self._timer = threading.Timer(0, int)
        self._timer.start()

    def strike(self) -> None:
        """Kills one process after a moment."""
        self._timer = threading.Timer(LATEST * self.chance.random(), self._kill)
        self._timer.start()

    def rest(self) -> None:
        """Waits for the last strike, so that no job meets two."""
        self._timer.join()

    def _kill(self) -> None:
        part = self.chance.choices(list(TARGETS), list(TARGETS.values()))[0]
        found = sorted(process for process, command in tree().items() if part in command and process not in self.before)
        if part == "--headless":
            # The browser itself; its own processes do not repeat all of its options.
            found = [process for process in found if "--type=" not in tree().get(process, "--type=")]
        if found:
            # It may have ended by itself.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.chance.choice(found), signal.SIGKILL)
                self.kills[part.rpartition(".")[2]] += 1

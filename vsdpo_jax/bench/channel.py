"""Programs that wait in processes of their own and do a stage of work when asked, so that rivals can take turns.

Only the standard library is imported: the other program's environment need not have this package's dependencies. A
worker reads the name of a stage from its standard input and answers one JSON line; what libraries print goes to
standard error.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

PEAK = "VmHWM:"


@dataclasses.dataclass(frozen=True)
class Taken:
    """What one stage cost: wall, user and kernel seconds, and the peak of the resident memory in GiB."""

    stage: str
    seconds: float
    user: float
    kernel: float
    peak: float


class Answers:
    """The worker's side."""

    def __init__(self):
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Waits until `name` is asked for, and answers what the body took; ends the process when nobody asks."""
        asked = sys.stdin.readline().strip()
        if not asked:
            sys.exit(0)
        if asked != name:
            raise ValueError(f"asked for {asked!r}, but what follows is {name!r}")
        reset_peak()
        before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        yield
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
        user, kernel = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        taken = Taken(name, seconds, user, kernel, peak_memory())
        print(json.dumps(dataclasses.asdict(taken)), file=self._out, flush=True)


def reset_peak() -> None:
    """Lets the peak of the resident memory start again from what is resident now."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_memory() -> float:
    """GiB of resident memory at most, since the process started or `reset_peak`."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(PEAK))
    return int(line.split()[1]) / 2**20


class Worker:
    """The asking side: a command that answers stages.

    Args:
      command: the program; it makes an `Answers`.
      environment: added to this process's.
      log: file that its standard error is written to.

    Raises:
      RuntimeError: the program ended instead of answering; the end of its log says why.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: str):
        self._log = log
        with open(log, "w") as file:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                env={**os.environ, **environment},
            )

    def ask(self, stage: str) -> Taken:
        """Lets it do `stage` and waits."""
        # If it has ended, reading says so.
        with contextlib.suppress(BrokenPipeError):
            print(stage, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            with open(self._log) as file:
                last = file.read().strip().splitlines()[-1:] or ["nothing"]
            raise RuntimeError(f"the program ended before it finished {stage!r}; it said: {last[0]}")
        return Taken(**json.loads(answer))

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_) -> None:
        self.close()

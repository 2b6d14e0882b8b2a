"""The process between the trainer and the workers: gives jobs to warm workers and answers each exactly once.

    python -m vsdpo_jax.render.supervisor DESCRIPTOR SETTINGS_JSON

It never imports JAX. A worker that dies, hangs or breaks the protocol is replaced; its job is tried once more on a
fresh worker and then answered `died`. A worker that is found dead before it was given a job costs the job nothing.
When the trainer goes away, the workers and their jobs go with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

from vsdpo_jax.render import sandbox, usage, wire
from vsdpo_jax.render.folder import empty
from vsdpo_jax.render.limits import RenderLimits

# A worker kills its job at the limits; an answer later than this means that the worker itself hangs.
WORKER_GRACE = 8.0
# A worker that is starting and uses no processor time for so long hangs; one that moves is waited for, because a busy
# machine can take minutes for what takes seconds.
START_SECONDS = 60.0
LONGEST_START = 600.0
PATROL = 2.0
ATTEMPTS = 2
# Workers that die before a job is given to them, in a row.
MOST_LOST = 10
# Pictures are read in few pieces.
BUFFER_BYTES = 4 << 20
START_ATTEMPTS = 3
# A kind of worker that has worked on this machine before fails to start only because the machine is busy.
RESTART_ATTEMPTS = 20
END_SECONDS = 3.0
_PR_SET_CHILD_SUBREAPER = 36


_proven: set[str] = set()


class WorkerFailed(Exception):
    """A worker closed, hung or broke the protocol."""


class NotBegun(Exception):
    """A worker gave its job back: it was lost before the job came."""


class SetupFailed(Exception):
    """A worker cannot be started on this machine."""


class Worker:
    """One worker process, started when its first job comes.

    Args:
      module: the worker's program.
      limits: of its jobs.
      folder: every start makes a folder of its own in it, where jobs may write: processes that a killed worker leaves
        behind may still write into the old one for a moment.
    """

    def __init__(self, module: str, limits: RenderLimits, folder: str):
        self.module = module
        self.limits = limits
        self.parent = folder
        self.process: subprocess.Popen | None = None
        self.jobs = 0
        self._folders: list[str] = []
        self._handle = -1
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def start(self) -> dict[str, Any]:
        """Starts the process and waits until it is ready; returns what it said.

        Raises:
          SetupFailed: it says that it cannot work here, or does not come up, again and again: a start can also fail
            because the machine is overloaded or because somebody killed the process.
        """
        attempts = RESTART_ATTEMPTS if self.module in _proven else START_ATTEMPTS
        for _ in range(attempts - 1):
            with contextlib.suppress(SetupFailed):
                return await self._start_once()
        return await self._start_once()

    async def _start_once(self) -> dict[str, Any]:
        try:
            return await self._launch()
        except (TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            self.stop()
            raise SetupFailed(f"{self.module} did not start ({type(error).__name__}: {error})") from None

    async def _launch(self) -> dict[str, Any]:
        self._remove_folders()
        self._folders.append(tempfile.mkdtemp(prefix="worker-", dir=self.parent))
        ours, theirs = socket.socketpair()
        arguments = [sys.executable, "-P", "-m", self.module, str(theirs.fileno())]
        arguments += [json.dumps(dataclasses.asdict(self.limits)), json.dumps({"folder": self._folders[-1]})]
        with theirs:
            self.process = subprocess.Popen(arguments, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        # A process id could be another process by the time of the kill; a descriptor cannot.
        self._handle = os.pidfd_open(self.process.pid)
        self.jobs = 0
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=BUFFER_BYTES)
        message = await self._first_words()
        if not message.get("ready"):
            self.stop()
            raise SetupFailed(message.get("problem") or "unknown problem")
        _proven.add(self.module)
        return message | {"module": self.module}

    async def _first_words(self) -> dict[str, Any]:
        """What the starting process says when it is ready.

        Raises:
          TimeoutError: it does not move any more, or never gets there.
        """
        reading = asyncio.ensure_future(_read(self._reader))
        began = moved = time.monotonic()
        spent = 0.0
        try:
            while not (await asyncio.wait({reading}, timeout=PATROL))[0]:
                now, before, spent = time.monotonic(), spent, usage.tree_seconds(self.process.pid)
                moved = now if spent != before else moved
                if now - moved > START_SECONDS or now - began > LONGEST_START:
                    raise TimeoutError(
                        f"not ready after {now - began:.0f} s, of which the processor gave it {spent:.1f}"
                    )
            return reading.result()[0]
        finally:
            reading.cancel()

    def _remove_folders(self) -> None:
        """Removes the folders of earlier starts, as far as nothing writes to them any more."""
        for folder in self._folders.copy():
            with contextlib.suppress(OSError):
                empty(folder)
                os.rmdir(folder)
                self._folders.remove(folder)

    async def run(self, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Runs one job.

        Raises:
          WorkerFailed: the worker is gone; start it again.
          NotBegun: so it was before it got the job.
        """
        self.jobs += 1
        try:
            self._writer.write(wire.pack(job))
            await self._writer.drain()
            message, payload = await asyncio.wait_for(_read(self._reader), self.limits.wall_seconds + WORKER_GRACE)
        except (TimeoutError, asyncio.IncompleteReadError, OSError, ValueError) as error:
            self.stop()
            raise WorkerFailed(type(error).__name__) from None
        if message.get("id") != job["id"]:
            self.stop()
            raise WorkerFailed("answer to another job")
        if message.get("again"):
            self.stop()
            raise NotBegun
        return message, payload

    def stop(self) -> None:
        """Kills the process and all that it started: a browser that hangs would not notice that it is alone."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._handle >= 0:
            # The number of a process that has ended may be another's by now.
            if not self._has_ended():
                _kill(usage.descendants(self.process.pid))
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
            self._handle = -1
        self.process = None

    @property
    def running(self) -> bool:
        """Whether there is a process to give a job to."""
        if self.process is None or self._writer is None or self._writer.is_closing() or self._reader.at_eof():
            return False
        return not self._has_ended()

    def _has_ended(self) -> bool:
        # The descriptor of a process can be read from when the process has ended.
        ended = select.poll()
        ended.register(self._handle, select.POLLIN)
        return bool(ended.poll(0))


class Supervisor:
    """Queues of jobs, one per kind of worker, and the tasks that serve them."""

    def __init__(self, writer: asyncio.StreamWriter, settings: dict[str, Any]):
        self.writer = writer
        self.settings = settings
        self.limits = RenderLimits(**settings["limits"])
        self.pools: dict[str, asyncio.Queue] = {}
        self.tasks: list[asyncio.Task] = []
        self.workers: list[Worker] = []

    def submit(self, job: dict[str, Any]) -> None:
        """Queues a job for the workers of its kind, which start with the first job."""
        pool = self.settings["pools"].get(job["kind"])
        if pool is None:
            self.answer({"id": job["id"], "setup": f"there is no renderer for {job['kind']!r}"})
            return
        if pool["module"] not in self.pools:
            self.pools[pool["module"]] = asyncio.Queue()
            for _ in range(pool["workers"]):
                worker = Worker(pool["module"], self.limits, self.settings["folder"])
                self.workers.append(worker)
                task = asyncio.create_task(self._serve(worker, self.pools[pool["module"]], pool["recycle"]))
                self.tasks.append(task)
        self.pools[pool["module"]].put_nowait(job)

    async def _serve(self, worker: Worker, queue: asyncio.Queue, recycle: int) -> None:
        while True:
            self.answer(*await self._run(worker, await queue.get()))
            if worker.jobs >= recycle:
                worker.stop()

    async def _run(self, worker: Worker, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The answer to a job, whatever becomes of the worker."""
        failures = lost = 0
        while True:
            try:
                if not worker.running:
                    worker.stop()
                    self.kill_orphans()
                    self.answer({"worker": await worker.start()})
                return await worker.run(job)
            except SetupFailed as error:
                return {"id": job["id"], "setup": str(error)}, b""
            except NotBegun:
                lost += 1
                text = f"{worker.module} was lost {lost} times before it began"
                if lost == MOST_LOST:
                    return {"id": job["id"], "setup": text}, b""
            except WorkerFailed as error:
                failures += 1
                if failures == ATTEMPTS:
                    text = f"the program took its worker down ({error})"
                    return {"id": job["id"], "status": "died", "message": text, "seconds": 0.0}, b""

    def kill_orphans(self) -> None:
        """Kills what workers that were killed by others left behind: it has become a child of this process."""
        known = {worker.process.pid for worker in self.workers if worker.process is not None}
        for child in usage.children(os.getpid()):
            if child not in known:
                _kill([child, *usage.descendants(child)])

    def answer(self, message: dict[str, Any], payload: bytes = b"") -> None:
        """Sends one frame to the trainer."""
        for piece in wire.pieces(message, payload):
            self.writer.write(piece)


def _kill(processes: list[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


async def _read(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    text_length, payload_length = wire.HEADER.unpack(await reader.readexactly(wire.HEADER.size))
    text = await reader.readexactly(text_length)
    return json.loads(text), await reader.readexactly(payload_length)


async def serve(connection: socket.socket, settings: dict[str, Any]) -> None:
    """Serves jobs until the trainer closes its end."""
    reader, writer = await asyncio.open_connection(sock=connection)
    supervisor = Supervisor(writer, settings)
    _proven.update(settings["proven"])
    asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, _reap)
    try:
        while True:
            message, _ = await _read(reader)
            supervisor.submit(message)
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        for worker in supervisor.workers:
            worker.stop()
        supervisor.kill_orphans()
        for task in supervisor.tasks:
            task.cancel()
        await _reap_all()


async def _reap_all() -> None:
    """Waits until the killed workers and their jobs, which this process inherits, are gone."""
    deadline = time.monotonic() + END_SECONDS
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                await asyncio.sleep(0.005)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Entry point of the process."""
    sandbox.die_with(os.getppid())
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = socket.socket(fileno=int(sys.argv[1]))
    asyncio.run(serve(connection, json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()

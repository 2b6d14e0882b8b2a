"""The process between the trainer and the workers: gives jobs to warm workers and answers each exactly once.

    python -m vsdpo_jax.render.supervisor DESCRIPTOR SETTINGS_JSON

It never imports JAX. A worker that dies, hangs or breaks the protocol is replaced; its job is tried once more on a
fresh worker and then answered `died`. When the trainer goes away, the workers and their jobs go with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from vsdpo_jax.render import sandbox, wire
from vsdpo_jax.render.limits import RenderLimits

# A worker kills its job at the limits; an answer later than this means that the worker itself hangs.
WORKER_GRACE = 4.0
START_SECONDS = 90.0
ATTEMPTS = 2
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


class SetupFailed(Exception):
    """A worker cannot be started on this machine."""


class Worker:
    """One worker process, started when its first job comes. `folder` is where its jobs may write."""

    def __init__(self, module: str, limits: RenderLimits, folder: str):
        self.module = module
        self.limits = limits
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.process: subprocess.Popen | None = None
        self._handle = -1
        self.jobs = 0
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
        ours, theirs = socket.socketpair()
        arguments = [sys.executable, "-P", "-m", self.module, str(theirs.fileno())]
        arguments += [json.dumps(dataclasses.asdict(self.limits)), json.dumps({"folder": self.folder})]
        with theirs:
            self.process = subprocess.Popen(arguments, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        # A process id could be another process by the time of the kill; a descriptor cannot.
        self._handle = os.pidfd_open(self.process.pid)
        self.jobs = 0
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=BUFFER_BYTES)
        message, _ = await asyncio.wait_for(_read(self._reader), START_SECONDS)
        if not message.get("ready"):
            self.stop()
            raise SetupFailed(message.get("problem") or "unknown problem")
        _proven.add(self.module)
        return message

    async def run(self, job: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Runs one job.

        Raises:
          WorkerFailed: the worker is gone; start it again.
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
        return message, payload

    def stop(self) -> None:
        """Kills the process; its jobs die with it."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
            self._handle = -1
        self.process = None

    @property
    def running(self) -> bool:
        """Whether there is a process to give a job to."""
        return self.process is not None and self._writer is not None and not self._writer.is_closing()


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
                folder = os.path.join(self.settings["folder"], f"worker-{len(self.workers)}")
                worker = Worker(pool["module"], self.limits, folder)
                self.workers.append(worker)
                task = asyncio.create_task(self._serve(worker, self.pools[pool["module"]], pool["recycle"]))
                self.tasks.append(task)
        self.pools[pool["module"]].put_nowait(job)

    async def _serve(self, worker: Worker, queue: asyncio.Queue, recycle: int) -> None:
        while True:
            job = await queue.get()
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    if not worker.running:
                        self.answer({"worker": await worker.start()})
                    message, payload = await worker.run(job)
                    self.answer(message, payload)
                    break
                except SetupFailed as error:
                    self.answer({"id": job["id"], "setup": str(error)})
                    break
                except WorkerFailed as error:
                    if attempt == ATTEMPTS:
                        text = f"the program took its worker down ({error})"
                        self.answer({"id": job["id"], "status": "died", "message": text, "seconds": 0.0})
            if worker.jobs >= recycle:
                worker.stop()

    def answer(self, message: dict[str, Any], payload: bytes = b"") -> None:
        """Sends one frame to the trainer."""
        for piece in wire.pieces(message, payload):
            self.writer.write(piece)


async def _read(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    text_length, payload_length = wire.HEADER.unpack(await reader.readexactly(wire.HEADER.size))
    text = await reader.readexactly(text_length)
    return json.loads(text), await reader.readexactly(payload_length)


async def serve(connection: socket.socket, settings: dict[str, Any]) -> None:
    """Serves jobs until the trainer closes its end."""
    reader, writer = await asyncio.open_connection(sock=connection)
    supervisor = Supervisor(writer, settings)
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

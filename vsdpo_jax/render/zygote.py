"""A warm worker: imports Matplotlib once, then forks one locked-in process per job.

    python -m vsdpo_jax.render.zygote DESCRIPTOR LIMITS_JSON EXTRA_JSON

Speaks frames (`wire.py`) on a Unix socket: first it says `ready` with the isolation layers, then it answers
every job with one frame whose payload are the frames that the job wrote. `EXTRA_JSON` names the `folder` for the jobs.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import fcntl
import gc
import json
import mmap
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

from vsdpo_jax.render import namespaces, sandbox, wire
from vsdpo_jax.render.folder import empty
from vsdpo_jax.render.limits import RenderLimits

# The job stops itself at its limits; this much later it is killed.
GRACE = 1.0
PATROL = 0.1
# How long a job that has closed its pipe may take to be gone: the system takes its memory apart first.
LEAVING = 2.0
PIPE_BYTES = 1 << 20
# Below the size from which blocks get memory of their own; and how many gaps are looked for at most.
LARGEST_GAP, MOST_GAPS = 1 << 16, 20_000
# The first byte that a job writes, before any of the program runs: a program cannot forge it.
ISOLATED, NOT_ISOLATED = b"+", b"-"

HEALTHY = """
import matplotlib.pyplot as plt
plt.bar(["a", "b"], [1, 2])
plt.title("healthy")
"""
ESCAPES = """
import os, socket
reached = []
for name, attempt in {attempts}.items():
    try:
        eval(attempt)
        reached.append(name)
    except OSError:
        pass
raise RuntimeError("reached " + ",".join(reached))
"""


class Zygote:
    """Runs jobs one at a time. `folder` is the scratch folder that jobs may write to."""

    def __init__(self, connection: socket.socket, limits: RenderLimits, folder: str, namespaced: bool = False):
        self.connection = connection
        self.limits = limits
        self.folder = folder
        self.layers = sandbox.probe(namespaced)
        self.sandbox = sandbox.Sandbox(self.layers, folder, sandbox.readable_folders(), limits)
        self._room = _room(limits.result_bytes + PIPE_BYTES)

    def check(self) -> str:
        """Runs a known-good job and one that tries to get out; returns what is wrong, empty if nothing is."""
        outcome, answer = self.run({"kind": "chart", "source": HEALTHY})
        try:
            scene = wire.read_scene(HEALTHY, "chart", answer)
        except wire.WireError as error:
            return f"the health check gave no picture: {outcome['message'] or error}"
        if scene.error is not None:
            return f"the health check failed: {scene.error.message}"
        attempts = {}
        if self.layers.landlock:
            attempts["files"] = "open('/proc/self/status')"
        if self.layers.seccomp:
            attempts |= {"processes": "os.fork() or os._exit(0)", "sockets": "socket.socket()"}
        source = ESCAPES.format(attempts=attempts)
        _, answer = self.run({"kind": "chart", "source": source})
        error = wire.read_scene(source, "chart", answer).error
        if error is None or error.message != "RuntimeError: reached":
            return f"the isolation does not hold: {error.message if error else 'no error'}"
        return ""

    def run(self, job: dict[str, Any]) -> tuple[dict[str, str], memoryview]:
        """Runs one job; returns how it ended (`status` is empty if it answered) and what it wrote; that lasts until the
        next job.

        A job that was killed is tried once more: it may have been somebody else, or the system for want of memory.
        """
        outcome, answer = self._run_once(job)
        return self._run_once(job) if outcome["message"] == _killed_by(signal.SIGKILL) else (outcome, answer)

    def _run_once(self, job: dict[str, Any]) -> tuple[dict[str, str], memoryview]:
        empty(self.folder)
        reader, writer = os.pipe()
        with contextlib.suppress(OSError):
            # Pictures in few pieces; a user who has too many large pipes keeps the small ones.
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            _be_job(self.sandbox, job, parent, writer, self.limits, self.folder)
        os.close(writer)
        try:
            answer, status = self._wait(reader, child)
        finally:
            os.close(reader)
        ended = status is not None or _complete(answer) or _ends(child)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, code, usage = os.wait4(child, 0)
        first, answer = answer[:1], answer[1:]
        if first == NOT_ISOLATED:
            status = "sandbox-setup", bytes(answer).decode(errors="replace")
            answer = memoryview(b"")
        elif not ended:
            status = "no-result", "the program closed the way for its answer"
        elif status is None:
            status = _ending(code, usage, self.limits) if len(wire.split(answer)) < 2 else ("", "")
        return {"status": status[0], "message": status[1]}, answer

    def _wait(self, reader: int, child: int) -> tuple[memoryview, tuple[str, str] | None]:
        """Reads until the job has answered, ended, or run out of time or space."""
        size = 0
        deadline = time.monotonic() + self.limits.wall_seconds + GRACE
        poll = select.poll()
        poll.register(reader, select.POLLIN)
        poll.register(self.connection, select.POLLRDHUP)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return self._room[:size], (
                    "timeout",
                    f"the program was still running after {self.limits.wall_seconds:g} s",
                )
            events = dict(poll.poll(1000 * min(left, PATROL)))
            if self.connection.fileno() in events:
                # Nobody waits for the answer any more.
                os.kill(child, signal.SIGKILL)
                sys.exit(0)
            if reader in events:
                got = os.readv(reader, [self._room[size : size + PIPE_BYTES]])
                size += got
                if not got or _complete(self._room[:size]):
                    return self._room[:size], None
                if size > self.limits.result_bytes:
                    return self._room[:0], ("output-limit", "the answer of the program is too large")
            elif self._crowded():
                return self._room[:size], ("output-limit", "the program wrote too many or too large files")

    def _crowded(self) -> bool:
        count = size = 0
        for folder, folders, files in os.walk(self.folder):
            count += len(folders) + len(files)
            if count > self.limits.folder_files:
                return True
            for name in files:
                with contextlib.suppress(OSError):
                    size += os.lstat(os.path.join(folder, name)).st_blocks * 512
        return size > self.limits.folder_bytes


def _ends(child: int) -> bool:
    """Whether a job that has closed its pipe ends by itself: the pipe closes a little before the process is gone."""
    deadline = time.monotonic() + LEAVING
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


def _room(size: int) -> memoryview:
    """Memory for answers, kept from job to job. Jobs do not get it: they would see each other's answers, and every page
    of it would be shared at each fork and copied at the next write."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_DONTFORK)
    return memoryview(memory)


def _complete(received: memoryview) -> bool:
    """Whether both frames are there; looks at lengths only."""
    at = len(ISOLATED)
    for _ in range(2):
        if len(received) - at < wire.HEADER.size:
            return False
        text, payload = wire.HEADER.unpack_from(received, at)
        at += wire.HEADER.size + text + payload
    return len(received) >= at


def _ending(code: int, usage: Any, limits: RenderLimits) -> tuple[str, str]:
    if os.WIFSIGNALED(code):
        number = os.WTERMSIG(code)
        if number in (signal.SIGXCPU, signal.SIGKILL) and usage.ru_utime + usage.ru_stime >= limits.cpu_seconds - 0.1:
            return "timeout", f"the program used more than {limits.cpu_seconds:g} s of processor time"
        if number == signal.SIGXFSZ:
            return "output-limit", "the program wrote too large a file"
        return "died", _killed_by(number)
    return "no-result", f"the program ended early with exit code {os.WEXITSTATUS(code)}"


def _killed_by(number: int) -> str:
    known = number in signal.Signals.__members__.values()
    return f"the program was killed by signal {signal.Signals(number).name if known else number}"


def _be_job(
    box: sandbox.Sandbox, job: dict[str, Any], parent: int, writer: int, limits: RenderLimits, folder: str
) -> None:
    """The whole life of a job process; never returns."""

    def write(data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(writer, view) :]

    def send(message: dict[str, Any], payload: bytes = b"") -> None:
        for piece in wire.pieces(message, payload):
            write(piece)

    code = 0
    try:
        try:
            os.chdir(folder)
            box.enter(parent, writer)
        except BaseException as error:
            write(NOT_ISOLATED + str(error)[:400].encode(errors="replace"))
            os._exit(3)
        write(ISOLATED)
        from vsdpo_jax.render import chart, deck

        if job["kind"] == "pptx":
            deck.run(job["source"], limits, send, bool(job.get("hand_over")))
        else:
            asked = {name: bool(job.get(name)) for name in ("traces", "visible")}
            chart.run(job["source"], limits, send, job.get("max_side"), **asked)
    except BaseException:
        code = 1
    finally:
        os._exit(code)


def serve(connection: socket.socket, limits: RenderLimits, folder: str) -> None:
    """Answers jobs until the other side closes."""
    namespaced = namespaces.enter()
    from vsdpo_jax.render import chart, deck

    chart.install()
    deck.install()
    zygote = Zygote(connection, limits, folder, namespaced)
    _settle()
    problem = zygote.check()
    layers = dataclasses.asdict(zygote.layers)
    connection.sendall(wire.pack({"ready": not problem, "problem": problem, "layers": layers, "pid": os.getpid()}))
    while not problem and (frame := wire.receive(connection)) is not None:
        job = frame[0]
        began = time.monotonic()
        outcome, answer = zygote.run(job)
        envelope = {"id": job["id"], "seconds": round(time.monotonic() - began, 6), **outcome}
        wire.send(connection, envelope, answer)


def _settle() -> None:
    """Makes the memory of this process cheap to share: no collection touches what is there, and what is free goes back
    to the system, because a forked job that is given such a page copies its old content first."""
    gc.collect()
    gc.freeze()
    library = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):
        # Only the GNU C library has it.
        library.malloc_trim(0)
        _take_gaps(library)


def _take_gaps(library: ctypes.CDLL) -> None:
    """Takes the free places between blocks that are in use, for good, so that jobs are given memory behind them: a job
    that fills a gap of a few bytes copies the page around it."""
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    end = library.malloc(LARGEST_GAP)
    size, left = LARGEST_GAP, MOST_GAPS
    while size >= 24 and left:
        # What lies behind the end was no gap, but the next place in its class may be one again.
        behind = 0
        while behind < 3 and left:
            left -= 1
            behind += (library.malloc(size) or end) >= end
        size = size * 4 // 5 if size > 1024 else size - 16


def main() -> None:
    """Entry point of the process."""
    sandbox.die_with(os.getppid())
    sandbox.spare_others()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limits = RenderLimits(**json.loads(sys.argv[2]))
    with (
        socket.socket(fileno=int(sys.argv[1])) as connection,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),
    ):
        serve(connection, limits, json.loads(sys.argv[3])["folder"])


if __name__ == "__main__":
    main()
